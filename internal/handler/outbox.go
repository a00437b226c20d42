package handler

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// together is how many results are published at once: what PutEvents takes.
	together = 10
	// lingering is how long a result waits for others, while there is a publisher free. It is not longer,
	// since what waits is refreshed again where the invocation does not live to publish it; nor shorter,
	// since each call takes time.
	lingering = time.Second
	// publishers is how many calls publish at once, so that thousands of results do not hold up the end.
	publishers = 8
)

// outbox publishes the results of one invocation while it goes on; nothing where there is no bus. It is
// safe for concurrent use, until wait.
type outbox struct {
	*Handler
	ctx     context.Context //nolint:containedctx // of the invocation, as long as which it lives
	letters chan letter
	ended   chan struct{} // closed when all is published
	telling sync.Mutex    // held while somebody is told that a result cannot be published
}

// letter is a result and whom to tell that it cannot be published.
type letter struct {
	in     invocation
	out    result.Result
	handle string // of the message that it is all of; "" for none
	failed func(*result.Failure)
}

func (h *Handler) newOutbox(ctx context.Context, budget refresh.Budget) *outbox {
	o := &outbox{Handler: h, letters: make(chan letter), ended: make(chan struct{})}
	if h.options.Bus == nil {
		close(o.ended)
		return o
	}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering))
	o.ctx = ctx
	go func() {
		defer close(o.ended)
		defer cancel()
		o.collect()
	}()
	return o
}

// publish takes a final result. Its failed is called before wait returns, by any goroutine but by one at
// a time, where it cannot be published.
func (o *outbox) publish(l letter) {
	if o.options.Bus != nil && l.out.Status != result.Queued && l.out.Status != result.Ignored {
		o.letters <- l
	}
}

// wait returns when all is published that was taken.
func (o *outbox) wait() {
	close(o.letters)
	<-o.ended
}

// collect publishes letters a few together, until there are no more.
func (o *outbox) collect() {
	var calls errgroup.Group
	calls.SetLimit(publishers)
	var waiting []letter
	var linger <-chan time.Time
	open := true
	post := func() {
		if letters, early := waiting, open; len(letters) > 0 {
			calls.Go(func() error { // waits for a publisher to be free
				if on := o.post(letters); early {
					o.done(on)
				}
				return nil
			})
		}
		waiting, linger = nil, nil
	}
	for open {
		var l letter
		select {
		case l, open = <-o.letters:
			if open {
				waiting = append(waiting, l)
			}
			switch {
			case !open || len(waiting) == together:
				post()
			case linger == nil:
				linger = time.After(lingering)
			}
		case <-linger:
			post()
		}
	}
	_ = calls.Wait() // none returns an error
}

// post makes one call, and tells those whose results it does not publish. It returns the others.
func (o *outbox) post(letters []letter) (on []letter) {
	for i, err := range o.put(letters) {
		l := letters[i]
		if err == nil {
			on = append(on, l)
			continue
		}
		f := result.FailFor(result.PublishFailed, "the bus does not take the result", err)
		o.options.Log.LogAttrs(o.ctx, f.Code.Level(), "publish", slog.String("trigger", string(l.in.trigger)), slog.String("trace_id", traceID(l.in.traceHeader)),
			slog.String("user_id", l.out.UserID), slog.String("request_id", l.out.RequestID),
			slog.String("error", f.Message), slog.String("error_code", string(f.Code)), slog.String("cause", err.Error()))
		o.telling.Lock()
		l.failed(f)
		o.telling.Unlock()
	}
	return on
}

// done deletes the messages of published results while their batch goes on: an invocation that is killed
// later publishes them no second time.
func (o *outbox) done(on []letter) {
	var handles []string
	for _, l := range on {
		if l.handle != "" {
			handles = append(handles, l.handle)
		}
	}
	if o.options.Queue == nil || len(handles) == 0 {
		return
	}
	if err := o.options.Queue.Done(o.ctx, handles); err != nil {
		o.options.Log.DebugContext(o.ctx, "messages are deleted with their batch", slog.String("cause", err.Error()))
	}
}

// put makes the call. A panic of the bus's is a failure of all that it was given: it would take the whole
// batch along otherwise.
func (o *outbox) put(letters []letter) (faults []error) {
	events := make([]Event, len(letters))
	for i, l := range letters {
		events[i] = Event{Result: l.out, TraceHeader: l.in.traceHeader}
	}
	defer func() {
		if cause := recover(); cause != nil {
			faults = slices.Repeat([]error{refresh.Panic(cause)}, len(letters))
		}
	}()
	return o.options.Bus.Publish(o.ctx, events)
}

// publishAll publishes final results, and returns why one of them cannot be.
func (h *Handler) publishAll(ctx context.Context, in invocation, results []result.Result) (unpublished *result.Failure) {
	box := h.newOutbox(ctx, in.budget(0))
	for _, out := range results {
		box.publish(letter{in: in, out: out, failed: func(f *result.Failure) { unpublished = f }})
	}
	box.wait()
	return unpublished
}
