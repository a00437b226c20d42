package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// bus keeps what it is given, takes its time, and rejects the results of some users.
type bus struct {
	takes   time.Duration
	rejects map[string]bool
	panics  bool

	mu      sync.Mutex
	batches [][]outbox.Event
	at      []time.Time // when each call began
	now     int         // calls in progress
	most    int         // calls in progress at once
}

func (b *bus) Publish(ctx context.Context, events []outbox.Event) []error {
	b.mu.Lock()
	b.batches, b.at = append(b.batches, events), append(b.at, time.Now())
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	if b.panics {
		panic("a payload")
	}
	select {
	case <-time.After(b.takes):
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now--
	errs := make([]error, len(events))
	for i, e := range events {
		if ctx.Err() != nil {
			errs[i] = ctx.Err()
		} else if b.rejects[e.Result.UserID] {
			errs[i] = errors.New("EventBridge rejects a result: InternalFailure")
		}
	}
	return errs
}

// sizes returns how many results each call had.
func (b *bus) sizes() (sizes []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, events := range b.batches {
		sizes = append(sizes, len(events))
	}
	return sizes
}

// observer keeps the failures that it is told of.
type observer struct {
	observe.Observer // nil: nothing else may be told
	failed           []string
	failures         []*result.Failure
	mu               sync.Mutex
}

func (o *observer) PublishFailed(_ context.Context, from observe.Origin, out result.Result, f *result.Failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = append(o.failed, from.RequestID+" "+out.UserID)
	o.failures = append(o.failures, f)
}

// fixture is an outbox's surroundings.
type fixture struct {
	bus      *bus
	observer *observer
	log      bytes.Buffer

	mu       sync.Mutex
	deleted  []string // receipt handles
	failed   []string // user IDs
	deletion error
}

func newFixture() *fixture {
	return &fixture{bus: &bus{rejects: map[string]bool{}}, observer: &observer{}}
}

// options are an outbox's options with everything in them.
func (f *fixture) options() outbox.Options {
	return outbox.Options{
		Bus: f.bus, Delete: f.delete, Observer: f.observer,
		Log: slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (f *fixture) delete(_ context.Context, receiptHandles []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deleted = append(f.deleted, receiptHandles...)
	return f.deletion
}

// deletedSoFar returns the receipt handles of the messages that were deleted until now.
func (f *fixture) deletedSoFar() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.deleted...)
}

// item returns a user's completed refresh, of a message with the receipt handle "handle-" and the user.
func (f *fixture) item(userID string) outbox.Item {
	return outbox.Item{
		Origin: observe.Origin{RequestID: "r", TraceHeader: "Root=1-1-" + userID}, ReceiptHandle: "handle-" + userID,
		Result: result.From(userID, result.Answer{Status: 200}),
		Failed: func(*result.Failure) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.failed = append(f.failed, userID)
		},
	}
}

// users returns n user IDs.
func users(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("user-%d", i))
	}
	return ids
}
