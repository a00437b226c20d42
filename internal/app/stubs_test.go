package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	partialUser   = `{"user_id":"` + junctiontest.DefaultUserID + `"}`
	completedUser = `{"user_id":"` + junctiontest.CompletedUserID + `"}`
)

// function is the whole function against a simulated Junction, and its log.
type function struct {
	*handler.Handler
	junction *junctiontest.Simulator
	log      *bytes.Buffer
}

// start returns the function for an environment, which awstest.Environ completes.
func start(t *testing.T, environ ...string) function {
	t.Helper()
	return startWith(t, app.Options{}, environ...)
}

func startWith(t *testing.T, options app.Options, environ ...string) function {
	t.Helper()
	return startOn(t, junctiontest.New(junctiontest.WithSpeed(math.Inf(1))), options, environ...)
}

// startOn returns the function against a simulator.
func startOn(t *testing.T, simulator *junctiontest.Simulator, options app.Options, environ ...string) function {
	t.Helper()
	f := function{junction: simulator, log: &bytes.Buffer{}}
	server := httptest.NewServer(f.junction)
	t.Cleanup(server.Close)
	environ = awstest.Environ(append([]string{"JUNCTION_BASE_URL=" + server.URL}, environ...)...)
	h, err := app.New(environ, "test", slog.New(slog.NewJSONHandler(f.log, nil)), options)
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = h
	return f
}

// invoke invokes the function as Lambda does, 90 s before its deadline.
func (f function) invoke(t *testing.T, event string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	return f.Invoke(ctx, []byte(event))
}

// result invokes the function and returns the result that it answers with.
func (f function) result(t *testing.T, event string) result.Result {
	t.Helper()
	answer, err := f.invoke(t, event)
	if err != nil {
		t.Fatal(err)
	}
	var out result.Result
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return out
}

// wantError invokes the function and checks the errorType that Lambda reports.
func (f function) wantError(t *testing.T, event, errorType string) {
	t.Helper()
	answer, err := f.invoke(t, event)
	if err == nil {
		t.Errorf("it is answered with %s, want the error %s", answer, errorType)
	} else if !bytes.Contains([]byte(err.Error()), []byte(errorType)) {
		t.Errorf("the error is %v, want %s", err, errorType)
	}
}

// wantStatus checks a result's status.
func wantStatus(t *testing.T, out result.Result, want result.Status) {
	t.Helper()
	if out.Status != want {
		t.Errorf("the status is %s (%s: %s), want %s", out.Status, out.ErrorCode, out.Error, want)
	}
}

// wantCalls checks how often a user was refreshed.
func (f function) wantCalls(t *testing.T, userID string, want int) {
	t.Helper()
	if got := f.junction.Calls(userID); got != want {
		t.Errorf("%d refreshes at Junction, want %d", got, want)
	}
}

// queue counts the messages that it is sent.
type queue struct{ sent int }

func (q *queue) Send(_ context.Context, messages []handler.Message) error {
	q.sent += len(messages)
	return nil
}

func (*queue) Delay(context.Context, []handler.Delay) error   { return nil }
func (*queue) DeleteMessages(context.Context, []string) error { return nil }

// bus keeps the results that it is given.
type bus struct {
	mu      sync.Mutex
	results []result.Result
}

func (b *bus) Publish(_ context.Context, events []outbox.Event) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.results = append(b.results, e.Result)
	}
	return make([]error, len(events))
}

// observer counts the invocations that it is told of.
type observer struct {
	observe.Observer
	invocations int
}

func (o *observer) Invoked(context.Context, observe.Origin, *result.Failure) { o.invocations++ }
