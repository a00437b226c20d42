package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"
)

// Failure is the one error type that travels between the packages of this project.
type Failure struct {
	Code Code

	// Message is one sentence for a person. It is logged, so it quotes neither the caller nor Junction.
	Message string

	// Shown, where it is set, is what the caller is told instead of Message. It may quote the caller's
	// own words or Junction's; it is never logged.
	Shown string

	// HTTPStatus, where it is not 0, overrides the code's own status: 413 and 422 are invalid_request too.
	HTTPStatus int

	// RetryAfter is how long to wait before another try; 0 where nobody said.
	RetryAfter time.Duration

	// UpstreamStatus is the HTTP status that Junction answered with; 0 where it did not answer.
	UpstreamStatus int

	// NotSent says that Junction cannot have counted the call: there was no connection to send it on.
	NotSent bool

	// FailedSources are the sources ("provider/resource") that Junction named in its refusal.
	FailedSources []string

	// Detail is the detail of a 422, Junction's own or one in its shape; nil where there is none.
	Detail json.RawMessage

	// Cause is what is behind it, for the log. It must be free of payloads and secrets.
	Cause error
}

// Fail returns a failure with a code and a sentence.
func Fail(code Code, message string) *Failure { return &Failure{Code: code, Message: message} }

// FailFor returns a failure with a code, a sentence and the cause behind it.
func FailFor(code Code, message string, cause error) *Failure {
	return &Failure{Code: code, Message: message, Cause: cause}
}

// Error implements error. It is safe to log.
func (f *Failure) Error() string { return string(f.Code) + ": " + f.Message }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Retryable says whether the same request may succeed later.
func (f *Failure) Retryable() bool { return f.Code.Retryable() }

// Status is the HTTP status that this failure answers with.
func (f *Failure) Status() int {
	if f.HTTPStatus != 0 {
		return f.HTTPStatus
	}
	return f.Code.HTTPStatus()
}

// Text is the sentence that a caller is told.
func (f *Failure) Text() string {
	if f.Shown != "" {
		return f.Shown
	}
	return f.Message
}

// RetryAfterSeconds is RetryAfter in whole seconds, rounded up.
func (f *Failure) RetryAfterSeconds() int { return int(math.Ceil(f.RetryAfter.Seconds())) }

// AsFailure returns err as a Failure. What is none becomes internal, with err as its cause: nothing
// unforeseen is told to a caller.
func AsFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
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
