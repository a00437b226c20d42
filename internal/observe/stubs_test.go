package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const user = "1449752e-0d8a-40e0-9206-91ab099b2537"

// origin is a refresh that another trigger queued.
var origin = observe.Origin{
	Trigger: document.SQS, QueuedBy: document.RESTAPI, RequestID: "request-1",
	TraceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
}

// line returns the only line that tell makes the log observer write, or nil if it writes none.
func line(t *testing.T, tell func(observe.Observer)) map[string]any {
	t.Helper()
	var log bytes.Buffer
	tell(observe.NewLog(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	if log.Len() == 0 {
		return nil
	}
	var fields map[string]any
	if err := json.Unmarshal(log.Bytes(), &fields); err != nil {
		t.Fatalf("it is not one line of JSON: %v in %s", err, &log)
	}
	delete(fields, "time")
	return fields
}

// completed is a refresh with a source of each kind in its lists.
func completed() result.Result {
	out := result.From(user, result.Answer{Status: 200, Refreshed: []string{"a/b"}, Failed: []string{"c/d"}})
	out.TimeoutSeconds, out.RequestedTimeoutSeconds, out.Attempts, out.DurationMS = 28, 30, 2, 1500
	out.ClientUserID = "app-user-7"
	out.CompletedAt = time.Date(2026, 11, 23, 18, 12, 30, 0, time.UTC)
	return out
}

// recorder writes down what it is told.
type recorder struct{ told []string }

func (r *recorder) Refreshed(_ context.Context, from observe.Origin, out result.Result) {
	r.told = append(r.told, fmt.Sprint("Refreshed ", from.RequestID, " ", out.Status))
}

func (r *recorder) Looked(_ context.Context, from observe.Origin, f result.FollowUp) {
	r.told = append(r.told, fmt.Sprint("Looked ", from.RequestID, " ", f.UserID, " ", f.Looks))
}

func (r *recorder) Settled(_ context.Context, from observe.Origin, out result.Result) {
	r.told = append(r.told, fmt.Sprint("Settled ", from.RequestID, " ", out.Status))
}

func (r *recorder) Queued(_ context.Context, from observe.Origin, users, pages int) {
	r.told = append(r.told, fmt.Sprint("Queued ", from.RequestID, " ", users, " ", pages))
}

func (r *recorder) PublishFailed(_ context.Context, from observe.Origin, out result.Result, f *result.Failure) {
	r.told = append(r.told, fmt.Sprint("PublishFailed ", from.RequestID, " ", out.UserID, " ", f.Code))
}

func (r *recorder) Invoked(_ context.Context, from observe.Origin, f *result.Failure) {
	r.told = append(r.told, fmt.Sprint("Invoked ", from.RequestID, " ", f.Code))
}
