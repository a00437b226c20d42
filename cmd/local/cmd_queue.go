package main

import (
	"context"
	"fmt"
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
	observe.Nop
	messages *sqstest.Queue
	printer  queuePrinter

	mu      sync.Mutex
	final   tally           // of the refreshes that have ended
	retried int             // the refreshes that failed and are to be retried
	looks   map[string]bool // the IDs of the messages for a look that has not been made
}

var (
	_ outbox.Bus       = (*localQueue)(nil)
	_ observe.Observer = (*localQueue)(nil)
)

// newLocalQueue returns an empty queue for a function with a Lambda timeout. receiveWait is how long a
// receive waits for messages.
func newLocalQueue(out *screen, timeout, receiveWait time.Duration) *localQueue {
	q := &localQueue{printer: queuePrinter{out}, looks: map[string]bool{}}
	q.messages = sqstest.NewQueue(sqstest.QueueOptions{
		VisibilityTimeout: 6 * timeout, MaxReceiveCount: maxReceiveCount, WaitTime: receiveWait,
		OnSend: q.sent, OnDeadLetter: q.printer.deadLetter,
	})
	return q
}

func (q *localQueue) mapping(f *function) sqstest.EventSourceMapping {
	return sqstest.EventSourceMapping{Source: q.messages, Function: f.invoke, Report: func(o sqstest.Outcome) {
		q.mu.Lock()
		for _, m := range o.Messages { // one that is to be retried is not waited for
			delete(q.looks, m.ID)
		}
		q.mu.Unlock()
		q.printer.batch(o, q.messages.VisibleAt)
	}}
}

// sent is told what the function sends.
func (q *localQueue) sent(messages []sqstest.Sent) {
	q.mu.Lock()
	for _, m := range messages {
		if d, _ := document.ParseMessage(m.Body); d.FollowUp != nil {
			q.looks[m.ID] = true
		}
	}
	q.mu.Unlock()
	q.printer.sent(messages)
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

// drain invokes the function with what is queued until only messages are left that wait to be retried: it waits for
// the looks of follow-ups. If ctx ends, what was received is still processed.
func (q *localQueue) drain(ctx context.Context, f *function) error {
	for {
		if err := q.mapping(f).Drain(ctx); err != nil {
			return err
		}
		next, ok := q.nextLook()
		if !ok || !sleep(ctx, time.Until(next)) {
			return nil
		}
	}
}

// nextLook returns when the next look can be made; ok is false if none is queued.
func (q *localQueue) nextLook() (next time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := range q.looks {
		if at, queued := q.messages.VisibleAt(id); queued && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	return next, ok
}

// sleep waits, and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// totals returns the tally of the refreshes that have ended, and the number of those that are to be retried.
func (q *localQueue) totals() (final tally, retried int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.final, q.retried
}

// left describes the messages that are on the queue, or returns "" if there are none.
func (q *localQueue) left() string {
	n := q.messages.Len()
	if n == 0 {
		return ""
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	text := counted(n, "message") + " still queued"
	if looks := len(q.looks); looks > 0 {
		text += fmt.Sprintf(", %d of them for a look at running sources", looks)
	}
	return text
}

// Publish implements outbox.Bus.
func (q *localQueue) Publish(_ context.Context, events []outbox.Event) []error {
	for _, e := range events {
		if e.ConnectionError != nil {
			q.printer.connectionError(*e.ConnectionError)
		} else {
			q.printer.published(e.Result)
		}
	}
	return make([]error, len(events))
}

// Refreshed implements observe.Observer: it counts the refresh if it has ended, and prints why a message is retried.
func (q *localQueue) Refreshed(_ context.Context, from observe.Origin, out result.Result) {
	if out.Status == result.Queued || out.Status == result.Ignored {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch f := out.Failure(); {
	case f == nil && out.Final:
		q.final.add(out.Status)
	case f == nil: // it is followed up, and counted when it has settled
	case from.Trigger == document.SQS && f.Requeue():
		q.retried++
		q.printer.failed(out)
	case !f.Retryable():
		q.final.add(out.Status)
	}
}

// Looked implements observe.Observer.
func (q *localQueue) Looked(_ context.Context, _ observe.Origin, f result.FollowUp) {
	q.printer.looked(f)
}

// Settled implements observe.Observer.
func (q *localQueue) Settled(_ context.Context, _ observe.Origin, out result.Result) {
	q.mu.Lock()
	q.final.add(out.Status)
	q.mu.Unlock()
	q.printer.settled(out)
}
