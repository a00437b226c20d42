package result

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"
)

// Failure is the error type that the packages of this project return to each other.
type Failure struct {
	Code // what follows from it follows from the failure

	// Message is one sentence for people. It is logged, so it must quote neither the caller nor Junction.
	Message string

	// Shown, if not empty, is what the caller is told instead of Message. It may quote the caller or
	// Junction, and is never logged.
	Shown string

	// HTTPStatus, if not 0, overrides the code's own status: 413 and 422 are invalid_request too.
	HTTPStatus int

	// RetryAfter is how long to wait before a retry; 0 if that is not known.
	RetryAfter time.Duration

	// UpstreamStatus is the HTTP status of Junction's answer; 0 if there was none.
	UpstreamStatus int

	// NotSent reports whether the call was certainly never sent, so that Junction cannot have counted it.
	NotSent bool

	// FailedSources are the sources ("provider/resource") that Junction listed as failed in its answer.
	FailedSources []string

	// Detail is the detail of a 422, from Junction or in the same shape; nil if there is none.
	Detail json.RawMessage

	// Cause is the underlying error, for the log. It must not contain payloads or secrets.
	Cause error
}

// Fail returns a failure with the given code and message.
func Fail(code Code, message string) *Failure { return &Failure{Code: code, Message: message} }

// FailFor returns a failure with the given code, message and cause.
func FailFor(code Code, message string, cause error) *Failure {
	return &Failure{Code: code, Message: message, Cause: cause}
}

// Error implements error. It is safe to log.
func (f *Failure) Error() string { return string(f.Code) + ": " + f.Message }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Status returns the HTTP status of an answer with this failure.
func (f *Failure) Status() int { return cmp.Or(f.HTTPStatus, f.Code.HTTPStatus()) }

// Text returns the sentence that the caller is told.
func (f *Failure) Text() string { return cmp.Or(f.Shown, f.Message) }

// RetryAfterSeconds returns RetryAfter in whole seconds, rounded up.
func (f *Failure) RetryAfterSeconds() int { return int(math.Ceil(f.RetryAfter.Seconds())) }

// AsFailure returns err as a Failure. Any other error becomes an internal failure with err as its cause, so
// that a caller is told nothing that was not written for callers.
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return FailFor(Internal, "internal error", err)
}

// FromPanic returns the failure that a panic is to a caller. cause is what recover returned.
func FromPanic(cause any) *Failure { return FailFor(Internal, "internal error", Panic(cause)) }

// Panic turns what recover returned into an error for the log: where it happened, and the message only if
// it is the runtime's own, since any other could quote a payload.
func Panic(cause any) error {
	message := fmt.Sprintf("%T", cause)
	if err, ok := cause.(interface{ RuntimeError() }); ok {
		message = fmt.Sprint(err)
	}
	return fmt.Errorf("panic: %s\n%s", message, debug.Stack())
}
