// Package handler turns a Lambda event into refreshes and their results into the answer that the
// event's sender expects. It knows AWS's shapes and not Junction's.
package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// OwnSource is the EventBridge source of this function's own results. An event that carries it is
// ignored, so that a broad rule does not loop.
const OwnSource = "junction.refresh"

// How long those in front of the function wait for its answer.
const (
	httpAPIWaits = 30 * time.Second // API Gateway HTTP API: a hard quota
	restAPIWaits = 29 * time.Second // API Gateway REST API: a quota that can be raised
	webhookWaits = 14 * time.Second // a webhook's sender: Svix's wait 15 s
)

// answering is kept at the end of an invocation, for its answer.
const answering = 200 * time.Millisecond

// Refresher does the refreshes.
type Refresher interface {
	// All hands over one result for each request, with the request's place, as they come.
	All(ctx context.Context, requests []refresh.Request, each func(i int, out result.Result))
	// Users lists a page of the team's users.
	Users(ctx context.Context, budget refresh.Budget, offset, limit int) (result.Page, error)
}

// Deliveries remembers how deliveries to the webhook route were answered.
type Deliveries interface {
	// Answer returns the answer to a delivery; nil where there was none.
	Answer(ctx context.Context, id string) ([]byte, error)
	Remember(ctx context.Context, id string, answer []byte) error
}

// Options are what a Handler is made of. All fields are required but HTTPTimeoutLimit, Deliveries, Queue
// and Bus.
type Options struct {
	DefaultTimeout   float64       // seconds, where a document has none
	HTTPTimeoutLimit time.Duration // how long API Gateway waits; 0 is its default quota
	UserIDPaths      [][]string    // where somebody else's document has the user ID
	WebhookEvents    []string      // the types of Junction's webhooks that refresh

	// Admit decides who may call over HTTP; its error is the refusal. It sees a request before
	// anything else does. delivery is the ID that the caller gives what it delivers; "" is none.
	Admit      func(context.Context, *Request) (delivery string, err error)
	Deliveries Deliveries // nil remembers none
	Queue      Queue      // nil: every refresh is made at once
	Bus        Bus        // nil publishes nothing
	Log        *slog.Logger
}

// Handler is the Lambda function. It is safe for concurrent use, and implements lambda.Handler.
type Handler struct {
	refresher Refresher
	options   Options
	reader    *reader
}

// New returns a handler.
func New(refresher Refresher, options Options) *Handler {
	return &Handler{refresher: refresher, options: options, reader: &reader{
		defaultTimeout: options.DefaultTimeout,
		userIDPaths:    options.UserIDPaths,
		webhookEvents:  options.WebhookEvents,
		queue:          options.Queue != nil,
	}}
}

// invocation is what is known of one invocation, or of one message of its batch.
type invocation struct {
	trigger     Trigger
	origin      Trigger // what the refresh was queued for; the trigger where it was not
	requestID   string
	traceHeader string // X-Ray's
	began       time.Time
	deadline    time.Time // Lambda's; zero where there is none
}

func (in invocation) budget(callerWaits time.Duration) refresh.Budget {
	return refresh.NewBudget(in.began, in.deadline, callerWaits)
}

// Invoke answers one event. Its error, where it has one, is for the sender to try again.
func (h *Handler) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	in := invocation{began: time.Now(), traceHeader: traceHeader(ctx)}
	in.deadline, _ = ctx.Deadline()
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		in.requestID = lc.AwsRequestID
	}
	// A deadline that is already past, as sam local invoke sometimes sets it, has ended ctx too.
	budget := in.budget(0)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), budget.Lambda)
	defer cancel()

	trigger, event, err := recognise(payload)
	in.trigger, in.origin = trigger, trigger
	defer func() {
		if cause := recover(); cause != nil {
			answer, err = h.refuse(ctx, in, panicked(cause))
		}
	}()
	switch {
	case err != nil:
		return h.refuse(ctx, in, err)
	case trigger.http():
		return h.serveHTTP(ctx, in, payload)
	case trigger == SQS:
		return h.serveQueue(ctx, in, payload)
	case trigger == EventBridge && event.text("source") == OwnSource:
		return h.ignore(ctx, in)
	case trigger == EventBridge:
		return h.serveEvent(ctx, in, event["detail"])
	}
	return h.serveEvent(ctx, in, payload)
}

func panicked(cause any) *result.Failure {
	return result.FailFor(result.Internal, "internal error", refresh.Panic(cause))
}

// refuse answers an event that no refresh came of: with the failed result, or with an error where
// trying the event again can help.
func (h *Handler) refuse(ctx context.Context, in invocation, err error) ([]byte, error) {
	f := result.AsFailure(err)
	out := in.stamp(result.FromFailure("", f))
	h.finish(ctx, in, out)
	if in.trigger.http() {
		return httpAnswer(out)
	}
	if !f.Retryable() {
		if f = h.publishAll(ctx, in, []result.Result{out}); f == nil {
			return json.Marshal(out)
		}
	}
	return nil, lambdaError(f)
}

// ignore answers an event that is not for this function.
func (h *Handler) ignore(ctx context.Context, in invocation) ([]byte, error) {
	out := in.stamp(result.FromIgnored(""))
	h.finish(ctx, in, out)
	return json.Marshal(out)
}

func (d document) ignoredResult() result.Result {
	if len(d.userIDs) == 0 {
		return result.FromIgnored("")
	}
	return result.FromIgnored(d.userIDs[0])
}

// stamp completes a result that no refresh made.
func (in invocation) stamp(out result.Result) result.Result {
	out.RequestID = in.requestID
	out.DurationMS = time.Since(in.began).Milliseconds()
	return out
}

// gatewayWaits is how long what is in front of the function waits; 0 is as long as Lambda runs.
func (h *Handler) gatewayWaits(t Trigger) time.Duration {
	limit := h.options.HTTPTimeoutLimit
	switch t {
	case HTTPAPI:
		if limit > 0 {
			return min(limit, httpAPIWaits)
		}
		return httpAPIWaits
	case RESTAPI:
		if limit > 0 {
			return limit
		}
		return restAPIWaits
	}
	return 0
}
