package handler_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// queue keeps what it is sent and told.
type queue struct {
	err    error // of every method
	panics bool  // with "a payload"

	mu      sync.Mutex
	sent    []handler.Message
	delays  []handler.Delay
	deleted []string // receipt handles
}

func (q *queue) Send(_ context.Context, messages []handler.Message) error {
	if q.panics {
		panic("a payload")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.sent = append(q.sent, messages...)
	}
	return q.err
}

func (q *queue) Delay(_ context.Context, delays []handler.Delay) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.delays = append(q.delays, delays...)
	return q.err
}

func (q *queue) DeleteMessages(_ context.Context, receiptHandles []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = append(q.deleted, receiptHandles...)
	return q.err
}

// bodies returns the documents on the queue.
func (q *queue) bodies() (all []string) {
	for _, m := range q.sent {
		all = append(all, m.Body)
	}
	return all
}

// deletedSoFar returns the receipt handles of the messages that were deleted until now.
func (q *queue) deletedSoFar() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.deleted)
}

// bus keeps what is published, takes its time, and rejects the results of some users.
type bus struct {
	takes   time.Duration
	rejects map[string]bool
	panics  bool   // with "a payload"
	called  func() // at each call; nil for nobody

	mu     sync.Mutex
	events []outbox.Event // results
	errors []result.ConnectionError
}

func (b *bus) Publish(ctx context.Context, events []outbox.Event) []error {
	if b.panics {
		panic("a payload")
	}
	if b.called != nil {
		b.called()
	}
	select {
	case <-time.After(b.takes):
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	errs := make([]error, len(events))
	for i, e := range events {
		switch {
		case ctx.Err() != nil:
			errs[i] = ctx.Err()
		case b.rejects[e.Result.UserID] && e.ConnectionError == nil, e.ConnectionError != nil && b.rejects[e.ConnectionError.UserID]:
			errs[i] = errors.New("EventBridge rejects a result: InternalFailure")
		case e.ConnectionError != nil:
			b.errors = append(b.errors, *e.ConnectionError)
		default:
			b.events = append(b.events, e)
		}
	}
	return errs
}

// deliveries remembers answers, and can fail.
type deliveries struct {
	answers map[string][]byte
	err     error // of both methods
}

func newDeliveries() *deliveries { return &deliveries{answers: map[string][]byte{}} }

func (d *deliveries) Answer(_ context.Context, id string) ([]byte, error) {
	return d.answers[id], d.err
}

func (d *deliveries) Remember(_ context.Context, id string, answer []byte) error {
	if d.err == nil {
		d.answers[id] = answer
	}
	return d.err
}
