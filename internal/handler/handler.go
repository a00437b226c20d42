// Package handler turns a Lambda event into refreshes, and their results into the answer that the event's
// sender expects. It knows AWS's shapes and not Junction's.
package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Options are what a Handler is made of. All fields are required except HTTPTimeoutLimit, Deliveries,
// Queue and Bus.
type Options struct {
	DefaultTimeout   float64       // seconds, if a document has none
	HTTPTimeoutLimit time.Duration // how long API Gateway waits; 0 is its default quota
	UserIDPaths      [][]string    // where another sender's document has the user ID
	WebhookEvents    []string      // the types of Junction's webhooks that refresh

	// Admit decides whether an HTTP caller may call, before anything else looks at the request. Its error
	// is the refusal. delivery identifies what the caller delivers; "" if the caller gives it no ID.
	Admit      func(context.Context, *Request) (delivery string, err error)
	Deliveries Deliveries // nil remembers no delivery
	Queue      Queue      // nil: every refresh is made at once
	Bus        outbox.Bus // nil publishes nothing
	Observer   observe.Observer
	Log        *slog.Logger
}

// Handler is the Lambda function. It is safe for concurrent use, and implements lambda.Handler.
type Handler struct {
	refresher Refresher
	options   Options
	reader    *document.Reader
}

// New returns a handler.
func New(refresher Refresher, options Options) *Handler {
	return &Handler{refresher: refresher, options: options, reader: &document.Reader{
		DefaultTimeout: options.DefaultTimeout,
		UserIDPaths:    options.UserIDPaths,
		WebhookEvents:  options.WebhookEvents,
		Queue:          options.Queue != nil,
	}}
}

// invocation is what is known of one invocation, or of one message of its batch.
type invocation struct {
	observe.Origin
	began    time.Time
	deadline time.Time // Lambda's; zero if there is none
}

// budget returns the invocation's time, for a caller that waits this long; 0 waits as long as Lambda.
func (in invocation) budget(callerWaits time.Duration) refresh.Budget {
	return refresh.NewBudget(in.began, in.deadline, callerWaits)
}

// failed returns the result of an event that led to no refresh, because of err.
func (in invocation) failed(err error) result.Result {
	return in.complete(result.FromFailure("", result.AsFailure(err)))
}

// complete fills in a result that no refresh made.
func (in invocation) complete(out result.Result) result.Result {
	out.RequestID = in.RequestID
	out.DurationMS = time.Since(in.began).Milliseconds()
	return out
}

// Invoke answers one event. An error is for the event's sender to try again.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	in := invocation{began: time.Now()}
	in.TraceHeader, _ = ctx.Value("x-amzn-trace-id").(string) // aws-lambda-go's key
	in.deadline, _ = ctx.Deadline()
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		in.RequestID = lc.AwsRequestID
	}
	// A deadline that is already past, as sam local invoke sometimes sets it, has ended ctx too.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), in.budget(0).End())
	defer cancel()

	trigger, event, err := recognise(payload)
	in.Trigger = trigger
	answer, err := h.serve(ctx, in, event, payload, err)
	var f *result.Failure
	if err != nil {
		f = result.AsFailure(err)
		err = lambdaError(f)
	}
	h.options.Observer.Invoked(ctx, in.Origin, f)
	return answer, err
}

// serve hands an event to what serves its trigger. unrecognised is why it has none.
func (h *Handler) serve(ctx context.Context, in invocation, event document.Object, payload []byte, unrecognised error) (answer []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			answer, err = h.refuse(ctx, in, result.FromPanic(cause))
		}
	}()
	switch {
	case unrecognised != nil:
		return h.refuse(ctx, in, unrecognised)
	case in.Trigger.HTTP():
		return h.serveHTTP(ctx, in, payload), nil
	case in.Trigger == document.SQS:
		return h.serveBatch(ctx, in, payload)
	case in.Trigger == document.EventBridge:
		return h.serveEventBridge(ctx, in, event)
	}
	return h.serveDocument(ctx, in, payload)
}

// refuse answers an event that led to no refresh: with the failed result, or with an error if the event
// can succeed later.
func (h *Handler) refuse(ctx context.Context, in invocation, err error) ([]byte, error) {
	out := h.fail(ctx, in, err)
	if in.Trigger.HTTP() {
		return httpAnswer(out), nil
	}
	f := out.Failure()
	if !f.Retryable() {
		if f = h.publish(ctx, in, []result.Result{out}); f == nil {
			return encode(out), nil
		}
	}
	return nil, f
}

func (h *Handler) fail(ctx context.Context, in invocation, err error) result.Result {
	out := in.failed(err)
	h.options.Observer.Refreshed(ctx, in.Origin, out)
	return out
}

// ignore returns the result of an event that asks for no refresh.
func (h *Handler) ignore(ctx context.Context, in invocation, d document.Document) result.Result {
	var user result.User
	if len(d.Users) > 0 {
		user = d.Users[0]
	}
	out := in.complete(result.FromIgnored(user.ID))
	out.ClientUserID = user.ClientUserID
	h.options.Observer.Refreshed(ctx, in.Origin, out)
	return out
}

// openOutbox returns the outbox of an invocation. Close must be called.
func (h *Handler) openOutbox(ctx context.Context, budget refresh.Budget) *outbox.Outbox {
	options := outbox.Options{Bus: h.options.Bus, Observer: h.options.Observer, Log: h.options.Log}
	if h.options.Queue != nil {
		options.Delete = h.options.Queue.DeleteMessages
	}
	return outbox.Open(ctx, budget.End().Add(-answering), options)
}

// publish publishes final results, and returns why one of them could not be.
func (h *Handler) publish(ctx context.Context, in invocation, results []result.Result) (unpublished *result.Failure) {
	box := h.openOutbox(ctx, in.budget(0))
	for _, out := range results {
		box.Publish(outbox.Item{Origin: in.Origin, Result: out, Failed: func(f *result.Failure) { unpublished = f }})
	}
	box.Close()
	return unpublished
}

// withoutPanic calls f. A panic is an error: it would fail the other messages and refreshes too.
func withoutPanic(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = result.FromPanic(cause)
		}
	}()
	return f()
}

// encode returns v as JSON. What this package encodes has no value that JSON cannot hold.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
