package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	user  = "1449752e-0d8a-40e0-9206-91ab099b2537"
	other = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"

	userDocument = `{"user_id":"` + user + `"}`
	mirror       = "/v2/user/refresh/" + user             // Junction's own path
	eventID      = "3f6c1b0a-5b7e-4d9e-9a55-6f0b8f1f2c11" // of awstest.EventBridgeEvent
	trace        = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
)

// function is a handler under test with what it was asked and what it logged.
type function struct {
	*handler.Handler
	refresher *refresher
	log       *bytes.Buffer
}

type option func(*handler.Options)

func withDeliveries(d *deliveries) option { return func(o *handler.Options) { o.Deliveries = d } }

// withQueue gives the function a queue, or takes it away if q is nil.
func withQueue(q *queue) option {
	return func(o *handler.Options) {
		if o.Queue = q; q == nil {
			o.Queue = nil
		}
	}
}

// withBus gives the function a bus, or takes it away if b is nil.
func withBus(b *bus) option {
	return func(o *handler.Options) {
		if o.Bus = b; b == nil {
			o.Bus = nil
		}
	}
}

// newFunction returns a function without a queue, a bus and a memory of deliveries. It admits every caller.
func newFunction(options ...option) function {
	r := &refresher{fails: map[string]*result.Failure{}}
	f := newFunctionFor(r, options...)
	f.refresher = r
	return f
}

// newFunctionFor returns a function with a refresher of its own.
func newFunctionFor(r handler.Refresher, options ...option) function {
	f := function{log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := handler.Options{
		DefaultTimeout: 10,
		UserIDPaths:    [][]string{{"user_id"}, {"data", "user_id"}, {"detail", "user_id"}},
		WebhookEvents:  []string{"provider.connection.created"},
		Admit: func(_ context.Context, r *handler.Request) (string, error) {
			return r.Header.Get("Webhook-Id") + r.Header.Get("Svix-Id"), nil
		},
		Observer: observe.NewLog(log), Log: log,
	}
	for _, change := range options {
		change(&o)
	}
	f.Handler = handler.New(r, o)
	return f
}

// invoke calls the function as Lambda does, 90 s before its deadline.
func (f function) invoke(t *testing.T, event string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", trace) //nolint:revive,staticcheck // aws-lambda-go's key
	return f.Invoke(ctx, []byte(event))
}

// answer invokes the function and returns its answer.
func (f function) answer(t *testing.T, event string) []byte {
	t.Helper()
	answer, err := f.invoke(t, event)
	if err != nil {
		t.Fatalf("the invocation ends with an error: %v", err)
	}
	return answer
}

// result invokes the function and returns the result that it answers with.
func (f function) result(t *testing.T, event string) result.Result {
	t.Helper()
	return decodeResult(t, f.answer(t, event))
}

// lambdaError invokes the function and returns the error that it ends with.
func (f function) lambdaError(t *testing.T, event string) messages.InvokeResponse_Error {
	t.Helper()
	answer, err := f.invoke(t, event)
	e, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // Lambda looks at the outermost type alone
	if !ok {
		t.Fatalf("%T is not a Lambda error with a type: %v; the answer is %s", err, err, answer)
	}
	return e
}

// failures invokes the function with a batch and returns the IDs of the messages that failed.
func (f function) failures(t *testing.T, event string) []string {
	t.Helper()
	answer := f.answer(t, event)
	var out struct {
		BatchItemFailures *[]struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.BatchItemFailures == nil {
		t.Fatalf("%s does not list the failures of a batch (%v)", answer, err)
	}
	var ids []string
	for _, failure := range *out.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

// wantFailures checks which messages of a batch fail.
func (f function) wantFailures(t *testing.T, event string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.failures(t, event)); diff != "" {
		t.Errorf("other messages fail (-want +got):\n%s", diff)
	}
}

// wantRequests checks what the refresher was asked for, apart from the time it was given.
func (f function) wantRequests(t *testing.T, want ...refresh.Request) {
	t.Helper()
	if diff := cmp.Diff(want, f.refresher.asked, cmpopts.IgnoreFields(refresh.Request{}, "Budget")); diff != "" {
		t.Errorf("other refreshes are asked for (-want +got):\n%s", diff)
	}
}

// wantLog checks that each of these texts is in the log.
func (f function) wantLog(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(f.log.String(), text) {
			t.Errorf("%s is not logged:\n%s", text, f.log)
		}
	}
}

// wantNotLogged checks that none of these texts is in the log.
func (f function) wantNotLogged(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(f.log.String(), text) {
			t.Errorf("%s is logged:\n%s", text, f.log)
		}
	}
}
