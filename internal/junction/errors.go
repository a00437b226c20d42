package junction

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// maxText is how much of a sentence of Junction's is passed on, in bytes.
	maxText = 500
	// maxDetail is how much of a 422's detail is passed on, in bytes; a larger one is dropped whole.
	maxDetail = 32 << 10
	// maxRetryAfter is the longest wait that is believed.
	maxRetryAfter = 24 * time.Hour
)

// transportFailure is what went wrong before there was an answer. connected says whether there was a
// connection to send the call on.
func transportFailure(ctx context.Context, err error, connected bool) *result.Failure {
	if !connected {
		f := result.FailFor(result.UpstreamUnavailable, "Junction could not be reached", cause(err))
		f.NotSent = true
		return f
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(ctx.Err(), context.Canceled) {
		return result.Fail(result.UpstreamTimeout, "Junction did not answer in time")
	}
	return result.FailFor(result.UpstreamUnavailable, "the connection to Junction was lost", cause(err))
}

// refreshFailure is what a refresh's answer with another status than 200 and 202 says.
func refreshFailure(got response, userID string) *result.Failure {
	if got.status != http.StatusBadRequest {
		return statusFailure(got)
	}
	var body struct {
		Success *bool    `json:"success"`
		UserID  string   `json:"user_id"`
		Error   string   `json:"error"`
		Failed  []string `json:"failed_sources"`
	}
	err := json.Unmarshal(got.body, &body)
	if err != nil || body.Success == nil || *body.Success || body.Error == "" {
		return malformed(got, "it is not the documented JSON", nil)
	}
	if !strings.EqualFold(body.UserID, userID) {
		return malformed(got, "it is about another user", nil)
	}
	f := result.Fail(result.UpstreamRejected, "Junction refused the refresh")
	if strings.Contains(strings.ToLower(body.Error), "no connected sources") {
		f = result.Fail(result.NoConnectedSources, "the user has no connected sources")
	}
	f.Shown = sentence(got.key.Redact(body.Error))
	f.UpstreamStatus = got.status
	f.FailedSources = got.redacted(body.Failed)
	return f
}

// statusFailure is what a status alone says. It is the one place that knows Junction's statuses.
func statusFailure(got response) *result.Failure {
	f := &result.Failure{UpstreamStatus: got.status, RetryAfter: retryAfter(got.header, time.Now())}
	switch s := got.status; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		f.Code, f.Message = result.UpstreamUnauthorized, "Junction does not accept the team key"
	case s == http.StatusNotFound:
		f.Code, f.Message = result.UserNotFound, "Junction does not know the user"
	case s == http.StatusUnprocessableEntity:
		f.Code, f.Message = result.UpstreamInvalidRequest, "Junction finds the request invalid"
		f.Detail = detail(got)
	case s == http.StatusTooManyRequests:
		f.Code, f.Message = result.RateLimited, "Junction allows no more refreshes of this user for now"
	case s >= http.StatusInternalServerError:
		f.Code, f.Message = result.UpstreamUnavailable, "Junction answered with status "+strconv.Itoa(s)
	case s >= http.StatusBadRequest:
		f.Code, f.Message = result.UpstreamRejected, "Junction refused the request with status "+strconv.Itoa(s)
	case s >= http.StatusMultipleChoices:
		return malformed(got, "it is a redirect, and none is followed", nil)
	default:
		return malformed(got, "its status is "+strconv.Itoa(s), nil)
	}
	if !f.Retryable() {
		f.RetryAfter = 0
	}
	return f
}

// malformed is an answer that is not what Junction documents.
func malformed(got response, why string, err error) *result.Failure {
	f := result.FailFor(result.UpstreamInvalidResponse, "Junction's answer cannot be used: "+why, err)
	f.UpstreamStatus = got.status
	return f
}

// detail is the detail of a 422, or nil.
func detail(got response) json.RawMessage {
	var body struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(got.body, &body) != nil || len(body.Detail) > maxDetail {
		return nil
	}
	// A key holds no character that JSON escapes, so it is found in the text of the document.
	if key := got.key.Reveal(); key != "" && bytes.Contains(body.Detail, []byte(key)) {
		return nil
	}
	return body.Detail
}

// sentence makes a text of Junction's fit to be shown: one line, bounded.
func sentence(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return strings.TrimSpace(text)
}

// retryAfter reads a Retry-After header, seconds or a date (RFC 9110, 10.2.3); 0 where there is none
// that can be read.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	var wait time.Duration
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		if !(s > 0) {
			return 0
		}
		wait = maxRetryAfter
		if s < maxRetryAfter.Seconds() {
			wait = time.Duration(s * float64(time.Second))
		}
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// cause is what the transport says of a failure, without the URL that net/http puts before it.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
