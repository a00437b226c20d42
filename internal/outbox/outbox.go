// Package outbox publishes results while the invocation that made them goes on.
package outbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// maxBatch is how many results are published in one call: what PutEvents accepts.
	maxBatch = 10
	// maxWait is how long a result waits for its batch to fill while a publisher is free. A result that is
	// still waiting when the invocation dies is refreshed again, so it is not longer; each call takes time,
	// so it is not shorter.
	maxWait = time.Second
	// publishers is how many calls are made at once, so that thousands of results do not delay the end.
	publishers = 8
)

// Bus publishes results.
type Bus interface {
	// Publish puts results on the bus. It returns one error per result, in their order; nil is success.
	Publish(context.Context, []Event) []error
}

// Event is what is published: a result, or the news that Junction cannot reach a provider for a user.
type Event struct {
	Result          result.Result
	ConnectionError *result.ConnectionError // is published instead of Result, if it is not nil
	TraceHeader     string                  // X-Ray's; "" if there is none
}

// Item is a result on its way to the bus.
type Item struct {
	Origin        observe.Origin
	Result        result.Result
	ReceiptHandle string                // of the queue message that the result completes; "" if there is none
	Failed        func(*result.Failure) // is called if the result cannot be published
}

// Options say where an outbox delivers. The zero value publishes nothing.
type Options struct {
	Bus Bus
	// Delete deletes the queue messages of results that were published, before their batch ends: if the
	// invocation is killed later, they are not published again. nil deletes nothing. An error does no harm. A
	// call that is still running when everything has been published is canceled.
	Delete   func(ctx context.Context, receiptHandles []string) error
	Observer observe.Observer
	Log      *slog.Logger
}

// Outbox publishes the results of one invocation. Publish is safe for concurrent use until Close.
type Outbox struct {
	options  Options
	items    chan Item
	running  sync.WaitGroup // done when everything has been published
	notifyMu sync.Mutex     // held while an Item's Failed runs
}

// Open returns an outbox that gives up at the deadline. Close must be called.
func Open(ctx context.Context, deadline time.Time, options Options) *Outbox {
	o := &Outbox{options: options, items: make(chan Item)}
	o.running.Go(func() {
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		o.run(ctx)
	})
	return o
}

// Publish takes a result; one that is only queued or ignored is not published. Failed is called before
// Close returns, by one goroutine at a time.
func (o *Outbox) Publish(item Item) {
	if o.options.Bus != nil && item.Result.Status != result.Queued && item.Result.Status != result.Ignored {
		o.items <- item
	}
}

// Close returns when everything that was taken has been published.
func (o *Outbox) Close() {
	close(o.items)
	o.running.Wait()
}

// run publishes items in batches until there are no more.
func (o *Outbox) run(ctx context.Context) {
	deleter := startDeleter(ctx, o.options)
	defer deleter.close()
	var calls errgroup.Group
	calls.SetLimit(publishers)
	var batch []Item
	var full <-chan time.Time
	open := true
	flush := func() {
		if items, more := batch, open; len(items) > 0 {
			calls.Go(func() error { // waits until a publisher is free
				if published := o.publish(ctx, items); more { // else the batch ends now, and deletes them itself
					deleter.delete(published)
				}
				return nil
			})
		}
		batch, full = nil, nil
	}
	for open {
		var item Item
		select {
		case item, open = <-o.items:
			if open {
				batch = append(batch, item)
			}
			switch {
			case !open || len(batch) == maxBatch:
				flush()
			case full == nil:
				full = time.After(maxWait)
			}
		case <-full:
			flush()
		}
	}
	_ = calls.Wait() // none returns an error
}

// publish makes one call, reports what could not be published, and returns the rest.
func (o *Outbox) publish(ctx context.Context, items []Item) (published []Item) {
	for i, err := range o.put(ctx, items) {
		item := items[i]
		if err == nil {
			published = append(published, item)
			continue
		}
		f := result.FailFor(result.PublishFailed, "the result could not be published", err)
		o.options.Observer.PublishFailed(ctx, item.Origin, item.Result, f)
		o.notifyMu.Lock()
		item.Failed(f)
		o.notifyMu.Unlock()
	}
	return published
}

// put calls the bus. If the bus panics, all its results have failed: the panic would end the whole batch
// otherwise.
func (o *Outbox) put(ctx context.Context, items []Item) (errs []error) {
	events := make([]Event, len(items))
	for i, item := range items {
		events[i] = Event{Result: item.Result, TraceHeader: item.Origin.TraceHeader}
	}
	defer func() {
		if cause := recover(); cause != nil {
			errs = slices.Repeat([]error{result.Panic(cause)}, len(items))
		}
	}()
	return o.options.Bus.Publish(ctx, events)
}
