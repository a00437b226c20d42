package junction

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// maxText is how many bytes of Junction's error text are passed on.
	maxText = 500
	// maxRetryAfter is the longest Retry-After; a longer one is shortened to it.
	maxRetryAfter = 24 * time.Hour
)

func transportFailure(ctx context.Context, err *callError) *result.Failure {
	why := classify(err.error, err.answered)
	switch {
	case err.notSent:
		f := result.FailFor(result.UpstreamUnavailable, "Junction could not be reached", why)
		f.NotSent = true
		return f
	case ctx.Err() != nil:
		return timedOut()
	case err.answered:
		return malformed(response{}, "it is incomplete or not valid HTTP", why)
	}
	return result.FailFor(result.UpstreamUnavailable, "the connection to Junction was lost", why)
}

func timedOut() *result.Failure {
	return result.Fail(result.UpstreamTimeout, "Junction did not answer in time")
}

// rejection returns the failure of a refresh that Junction rejected with an error text.
func rejection(r response, text string, failed []string) *result.Failure {
	f := result.Fail(result.UpstreamRejected, "Junction rejected the refresh")
	if strings.Contains(strings.ToLower(text), "no connected sources") {
		f = result.Fail(result.NoConnectedSources, "the user has no connected sources")
	}
	f.Shown = sentence(r.key.Redact(text))
	f.UpstreamStatus = r.status
	f.FailedSources = r.redactedNames(failed)
	return f
}

// statusFailure returns the failure that an answer's status stands for.
func statusFailure(r response) *result.Failure {
	f := &result.Failure{UpstreamStatus: r.status, RetryAfter: retryAfter(r.header, time.Now())}
	switch s := r.status; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		f.Code, f.Message = result.UpstreamUnauthorized, "Junction does not accept the team key"
	case s == http.StatusNotFound:
		f.Code, f.Message = result.UserNotFound, "Junction does not know the user"
	case s == http.StatusUnprocessableEntity:
		f.Code, f.Message = result.UpstreamInvalidRequest, "Junction rejected the request as invalid"
		f.Detail = detail(r)
	case s == http.StatusTooManyRequests:
		f.Code, f.Message = result.RateLimited, "Junction's rate limit has been reached"
	case s >= http.StatusInternalServerError:
		f.Code, f.Message = result.UpstreamUnavailable, "Junction answered with status "+strconv.Itoa(s)
	case s >= http.StatusBadRequest:
		f.Code, f.Message = result.UpstreamRejected, "Junction rejected the request with status "+strconv.Itoa(s)
	case s >= http.StatusMultipleChoices:
		return malformed(r, "it is a redirect, which is not followed", nil)
	default:
		return malformed(r, "status "+strconv.Itoa(s)+" is not documented", nil)
	}
	if !f.Retryable() {
		f.RetryAfter = 0
	}
	return f
}

// malformed returns the failure of an answer that is not as Junction documents it.
func malformed(r response, why string, err error) *result.Failure {
	f := result.FailFor(result.UpstreamInvalidResponse, "Junction's answer cannot be used: "+why, err)
	f.UpstreamStatus = r.status
	return f
}

// sentence returns a text of Junction's as one line of printable characters and of limited length.
func sentence(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return strings.TrimSpace(text)
}

// retryAfter returns the wait that a Retry-After header asks for, in seconds or with a date (RFC 9110, 10.2.3);
// 0 if there is none or it is not valid.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
		return time.Duration(min(s, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
