package handler

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// unknownRetryAfter is the Retry-After of a 429, in seconds, if nobody said how long to wait.
const unknownRetryAfter = 60

// response is an HTTP answer in the form that payload 1.0 and 2.0 share.
type response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// maxAnswer is the largest answer that Lambda returns to a synchronous caller, in bytes (Lambda quotas,
// "Invocation payload").
const maxAnswer = 6 << 20

// shortened returns the answer that answer makes of results. If it is larger than Lambda returns, the results
// are shortened: the refreshes were made, and a caller must not make them again for want of an answer.
func shortened(results []result.Result, answer func([]result.Result) []byte) []byte {
	for _, shorten := range []func(result.Result) result.Result{result.Result.WithoutSources, result.Result.WithoutLists} {
		if minSize(results) <= maxAnswer {
			if text := answer(results); len(text) <= maxAnswer {
				return text
			}
		}
		results = slices.Clone(results)
		for i, out := range results {
			results[i] = shorten(out)
		}
	}
	return answer(results)
}

// minSize returns fewer bytes than the results' lists have as JSON. Thousands of users can have ten times the
// memory of a small Lambda in sources, so what cannot fit is not encoded to find that out.
func minSize(results []result.Result) (size int) {
	for _, out := range results {
		for _, names := range [][]string{out.RefreshedSources, out.InProgressSources, out.FailedSources} {
			for _, name := range names {
				size += len(name) + len(`"",`)
			}
		}
		for _, source := range out.Sources {
			size += len(source.Provider) + len(source.Resource) + len(source.State) + len(`{"provider":"","resource":"","state":""},`)
		}
	}
	return size
}

func httpAnswer(out result.Result) []byte {
	return shortened([]result.Result{out}, func(results []result.Result) []byte { return newHTTPAnswer(results[0]) })
}

func newHTTPAnswer(out result.Result) []byte {
	status := http.StatusOK
	headers := map[string]string{}
	if out.Status == result.InProgress || out.Status == result.Queued {
		status = http.StatusAccepted
	}
	if out.AgeSeconds != nil {
		headers["Age"] = strconv.Itoa(*out.AgeSeconds)
	}
	if f := out.Failure(); f != nil {
		status = f.Status()
		switch {
		case f.RetryAfter > 0:
			headers["Retry-After"] = strconv.Itoa(f.RetryAfterSeconds())
		case f.Code == result.RateLimited:
			headers["Retry-After"] = strconv.Itoa(unknownRetryAfter)
		case f.Code == result.Unauthenticated:
			headers["WWW-Authenticate"] = "Bearer"
		}
	}
	return encodeHTTP(status, headers, out)
}

func encodeHTTP(status int, headers map[string]string, body any) []byte {
	headers["Content-Type"], headers["Cache-Control"] = "application/json", "no-store"
	return encode(response{StatusCode: status, Headers: headers, Body: string(encode(body))})
}

// manyAnswer is the answer to a document with many users.
type manyAnswer struct {
	Status  result.Status   `json:"status,omitempty"` // queued; absent if they were refreshed
	Summary any             `json:"summary"`          // a summary or a queuedSummary
	Results []result.Result `json:"results"`
}

type summary struct {
	Users      int `json:"users"`
	Completed  int `json:"completed"`
	InProgress int `json:"in_progress"`
	Partial    int `json:"partial"`
	Failed     int `json:"failed"`
}

func summarize(results []result.Result) manyAnswer {
	count := map[result.Status]int{}
	for _, r := range results {
		count[r.Status]++
	}
	s := summary{
		Users: len(results), Completed: count[result.Completed], InProgress: count[result.InProgress],
		Partial: count[result.Partial],
	}
	s.Failed = s.Users - s.Completed - s.InProgress - s.Partial
	return manyAnswer{Summary: s, Results: results}
}

// lambdaError is a failure that the function's caller should retry: Lambda reports the code in CamelCase
// as its errorType.
func lambdaError(f *result.Failure) error {
	message := f.Message
	if f.RetryAfter > 0 {
		message += fmt.Sprintf("; try again in %d s", f.RetryAfterSeconds())
	}
	return messages.InvokeResponse_Error{Type: f.Code.ErrorType(), Message: message}
}

// retryable reports whether a refresh failed and may succeed later.
func retryable(out result.Result) bool {
	f := out.Failure()
	return f != nil && f.Retryable()
}
