package main

import (
	"context"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxReceiveCount is how often a message is received before it becomes a dead letter, as in template.yaml.
const maxReceiveCount = 5

// localQueue is the queue and the bus of this process, with the event source mapping that invokes the
// function with queued messages. What passes through is printed, one line each. It is an outbox.Bus and an
// observe.Observer.
type localQueue struct {
	messages *sqstest.Queue
	printer  queuePrinter

	mu      sync.Mutex
	final   tally // of the refreshes that are not retried
	retried int   // the refreshes that failed and are to be retried
}

var (
	_ outbox.Bus       = (*localQueue)(nil)
	_ observe.Observer = (*localQueue)(nil)
)

// newLocalQueue returns an empty queue for a function with a Lambda timeout. receiveWait is how long a
// receive waits for messages.
func newLocalQueue(out *screen, timeout, receiveWait time.Duration) *localQueue {
	q := &localQueue{printer: queuePrinter{out}}
	q.messages = sqstest.NewQueue(sqstest.QueueOptions{
		VisibilityTimeout: 6 * timeout, MaxReceiveCount: maxReceiveCount, WaitTime: receiveWait,
		OnSend: q.printer.sent, OnDeadLetter: q.printer.deadLetter,
	})
	return q
}

func (q *localQueue) mapping(f *function) sqstest.EventSourceMapping {
	return sqstest.EventSourceMapping{Source: q.messages, Function: f.invoke, Report: func(o sqstest.Outcome) {
		q.printer.batch(o, q.messages.VisibleAt)
	}}
}

// start invokes the function with what is queued, until stop. stop waits until what was received has been
// processed.
func (q *localQueue) start(f *function) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = q.mapping(f).Run(ctx) // the options are constants
	}()
	return func() {
		cancel()
		<-stopped
	}
}

// drain invokes the function with what is queued until only messages are left that wait for their
// visibility timeout. If ctx ends, what was received is still processed.
func (q *localQueue) drain(ctx context.Context, f *function) error { return q.mapping(f).Drain(ctx) }

// totals returns the tally of the refreshes that are not retried, and the number of those that are to be.
func (q *localQueue) totals() (final tally, retried int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.final, q.retried
}

// Publish implements outbox.Bus.
func (q *localQueue) Publish(_ context.Context, events []outbox.Event) []error {
	for _, e := range events {
		q.printer.published(e.Result)
	}
	return make([]error, len(events))
}

// Refreshed implements observe.Observer: it counts the refresh, and prints why a message is retried.
func (q *localQueue) Refreshed(_ context.Context, from observe.Origin, out result.Result) {
	if out.Status == result.Queued || out.Status == result.Ignored {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch f := out.Failure(); {
	case f == nil || !f.Retryable():
		q.final.add(out.Status)
	case from.Trigger == document.SQS:
		q.retried++
		q.printer.failed(out)
	}
}

// Queued implements observe.Observer. What is sent to the queue is printed there.
func (*localQueue) Queued(context.Context, observe.Origin, int, int) {}

// PublishFailed implements observe.Observer. Of a bus of the user's own the function's log tells.
func (*localQueue) PublishFailed(context.Context, observe.Origin, result.Result, *result.Failure) {}

// Invoked implements observe.Observer.
func (*localQueue) Invoked(context.Context, observe.Origin, *result.Failure) {}
