package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// unknownRetryAfter is the Retry-After of a 429 where nobody said how long, in seconds.
const unknownRetryAfter = 60

// response is an HTTP answer in the form that payload 1.0 and 2.0 share.
type response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// httpAnswer turns a result into an HTTP answer.
func httpAnswer(out result.Result) ([]byte, error) {
	status := http.StatusOK
	headers := map[string]string{}
	if out.Status == result.InProgress || out.Status == result.Queued {
		status = http.StatusAccepted
	}
	if f := out.Failure(); f != nil {
		status = f.Status()
		switch {
		case f.RetryAfter > 0:
			headers["Retry-After"] = strconv.Itoa(f.RetryAfterSeconds())
		case f.Code == result.RateLimited:
			headers["Retry-After"] = strconv.Itoa(unknownRetryAfter)
		case f.Code == result.MethodNotAllowed:
			headers["Allow"] = http.MethodPost
		case f.Code == result.Unauthenticated:
			headers["WWW-Authenticate"] = "Bearer"
		}
	}
	return encodeHTTP(status, headers, out)
}

// manyAnswer turns the results of many users into an HTTP answer.
func manyAnswer(results []result.Result) ([]byte, error) {
	return encodeHTTP(http.StatusOK, map[string]string{}, summarize(results))
}

// queuedAnswer tells a caller that its refreshes are on the queue, and that this is what it asked for
// where it did.
func queuedAnswer(taken any, asked bool) ([]byte, error) {
	headers := map[string]string{}
	if asked {
		headers["Preference-Applied"] = respondAsync
	}
	return encodeHTTP(http.StatusAccepted, headers, taken)
}

func encodeHTTP(status int, headers map[string]string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	headers["Content-Type"], headers["Cache-Control"] = "application/json", "no-store"
	return json.Marshal(response{StatusCode: status, Headers: headers, Body: string(text)})
}

// summary counts the results of many users.
type summary struct {
	Users      int `json:"users"`
	Completed  int `json:"completed"`
	InProgress int `json:"in_progress"`
	Partial    int `json:"partial"`
	Failed     int `json:"failed"`
}

// many is the answer to a document with many users.
type many struct {
	Summary summary         `json:"summary"`
	Results []result.Result `json:"results"`
}

func summarize(results []result.Result) many {
	s := summary{Users: len(results)}
	for _, r := range results {
		switch r.Status {
		case result.Completed:
			s.Completed++
		case result.InProgress:
			s.InProgress++
		case result.Partial:
			s.Partial++
		default:
			s.Failed++
		}
	}
	return many{Summary: s, Results: results}
}

// lambdaError is a failure that whoever invoked the function tries again: Lambda reports the code in
// CamelCase as its errorType, and a sentence.
func lambdaError(f *result.Failure) error {
	message := f.Message
	if f.RetryAfter > 0 {
		message += fmt.Sprintf("; try again in %d s", f.RetryAfterSeconds())
	}
	return messages.InvokeResponse_Error{Type: f.Code.ErrorType(), Message: message}
}

// firstRetryable returns the first failure that may succeed later, or nil.
func firstRetryable(results []result.Result) *result.Failure {
	for _, r := range results {
		if retryable(r) {
			return r.Failure()
		}
	}
	return nil
}

// retryable says whether a refresh failed and may succeed later.
func retryable(out result.Result) bool {
	f := out.Failure()
	return f != nil && f.Retryable()
}
