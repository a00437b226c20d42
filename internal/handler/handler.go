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

// ownSource is the EventBridge source of this function's own results. An event that carries it is
// ignored, so that a broad rule does not loop.
const ownSource = "junction.refresh"

// How long those in front of the function wait for its answer.
const (
	httpAPIWaits = 30 * time.Second // API Gateway HTTP API: a hard quota
	restAPIWaits = 29 * time.Second // API Gateway REST API: a quota that can be raised
	webhookWaits = 14 * time.Second // a webhook's sender: Svix's wait 15 s
)

// Refresher does the refreshes.
type Refresher interface {
	Refresh(context.Context, refresh.Request) result.Result
	// All returns one result for each request, in their order.
	All(context.Context, []refresh.Request) []result.Result
}

// Deliveries remembers how deliveries to the webhook route were answered.
type Deliveries interface {
	// Answer returns the answer to a delivery; nil where there was none.
	Answer(ctx context.Context, id string) ([]byte, error)
	Remember(ctx context.Context, id string, answer []byte) error
}

// Options are what a Handler is made of. All fields are required but HTTPTimeoutLimit and Deliveries.
type Options struct {
	DefaultTimeout   float64       // seconds, where a document has none
	HTTPTimeoutLimit time.Duration // how long API Gateway waits; 0 is its default quota
	UserIDPaths      [][]string    // where somebody else's document has the user ID
	WebhookEvents    []string      // the types of Junction's webhooks that refresh

	// Admit decides who may call over HTTP; its error is the refusal. It sees a request before
	// anything else does. delivery is the ID that the caller gives what it delivers; "" is none.
	Admit      func(context.Context, *Request) (delivery string, err error)
	Deliveries Deliveries // nil remembers none
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
	}}
}

// invocation is what is known of one invocation.
type invocation struct {
	trigger   Trigger
	requestID string
	traceID   string
	began     time.Time
	deadline  time.Time // Lambda's; zero where there is none
}

func (in invocation) budget(callerWaits time.Duration) refresh.Budget {
	return refresh.NewBudget(in.began, in.deadline, callerWaits)
}

// Invoke answers one event. Its error, where it has one, is for the sender to try again.
func (h *Handler) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	in := invocation{began: time.Now(), traceID: traceID(ctx)}
	in.deadline, _ = ctx.Deadline()
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		in.requestID = lc.AwsRequestID
	}
	// A deadline that is already past, as sam local invoke sometimes sets it, has ended ctx too.
	budget := in.budget(0)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), budget.Lambda)
	defer cancel()

	trigger, event, err := recognise(payload)
	in.trigger = trigger
	defer func() {
		if cause := recover(); cause != nil {
			answer, err = h.refuse(ctx, in, result.FailFor(result.Internal, "internal error", refresh.Panic(cause)))
		}
	}()
	switch {
	case err != nil:
		return h.refuse(ctx, in, err)
	case trigger.http():
		return h.serveHTTP(ctx, in, payload)
	case trigger == SQS:
		return h.serveQueue(ctx, in, payload)
	case trigger == EventBridge && event.text("source") == ownSource:
		return h.ignore(ctx, in)
	case trigger == EventBridge:
		return h.serveEvent(ctx, in, event["detail"])
	}
	return h.serveEvent(ctx, in, payload)
}

// serveEvent answers an EventBridge event's detail or a direct document.
func (h *Handler) serveEvent(ctx context.Context, in invocation, raw []byte) ([]byte, error) {
	d, err := h.reader.read(raw, false)
	if err != nil {
		return h.refuse(ctx, in, err)
	}
	results := h.refreshAll(ctx, in, d, in.budget(0))
	// A direct caller reads the results of many; EventBridge reads none, and can only try again.
	if f := firstRetryable(results); f != nil && (!d.many || in.trigger == EventBridge) {
		return nil, lambdaError(f)
	}
	if d.many {
		return json.Marshal(summarize(results))
	}
	return json.Marshal(results[0])
}

// refreshAll refreshes the users of a document: one result each, in their order.
func (h *Handler) refreshAll(ctx context.Context, in invocation, d document, budget refresh.Budget) []result.Result {
	var results []result.Result
	switch {
	case d.ignored:
		results = []result.Result{in.stamp(d.ignoredResult())}
	case d.many:
		results = h.refresher.All(ctx, in.requests(d, budget))
	default:
		results = []result.Result{h.refresher.Refresh(ctx, in.requests(d, budget)[0])}
	}
	for _, out := range results {
		h.finish(ctx, in, out)
	}
	return results
}

// requests returns the refreshes that a document asks for.
func (in invocation) requests(d document, budget refresh.Budget) []refresh.Request {
	one := refresh.Request{ClientUserID: d.clientUserID, Timeout: d.timeout, RequestID: in.requestID, Budget: budget}
	if d.clientUserID != "" {
		return []refresh.Request{one}
	}
	all := make([]refresh.Request, 0, len(d.userIDs))
	for _, id := range d.userIDs {
		one.UserID = id
		all = append(all, one)
	}
	return all
}

// refuse answers an event that no refresh came of: with the failed result, or with an error where
// trying the event again can help.
func (h *Handler) refuse(ctx context.Context, in invocation, err error) ([]byte, error) {
	f := result.AsFailure(err)
	out := in.stamp(result.FromFailure("", f))
	h.finish(ctx, in, out)
	switch {
	case in.trigger.http():
		return httpAnswer(out)
	case f.Retryable():
		return nil, lambdaError(f)
	}
	return json.Marshal(out)
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
