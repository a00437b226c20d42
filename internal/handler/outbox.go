package handler

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// together is how many results are published at once: what PutEvents takes.
	together = 10
	// lingering is how long a result waits for others. It is not longer, since what waits is refreshed
	// again where the invocation does not live to publish it; nor shorter, since each call takes time.
	lingering = time.Second
	// publishers is how many calls publish at once, so that thousands of results do not hold up the end.
	publishers = 8
)

// outbox publishes the results of one invocation while it goes on. The zero value of bus publishes
// nothing. It is safe for concurrent use, until wait.
type outbox struct {
	*Handler
	ctx    context.Context //nolint:containedctx // of the invocation, as long as which it lives
	cancel context.CancelFunc
	calls  errgroup.Group

	telling sync.Mutex // held while somebody is told that a result cannot be published

	mu      sync.Mutex
	waiting []letter
	timer   *time.Timer // publishes what waits; nil where nothing does
}

// letter is a result and whom to tell that it cannot be published.
type letter struct {
	in     invocation
	out    result.Result
	failed func(*result.Failure)
}

func (h *Handler) newOutbox(ctx context.Context, budget refresh.Budget) *outbox {
	o := &outbox{Handler: h}
	o.ctx, o.cancel = context.WithDeadline(ctx, budget.End().Add(-answering))
	o.calls.SetLimit(publishers)
	return o
}

// publish takes a final result. failed is called before wait returns, by any goroutine but by one at a
// time, where it cannot be published.
func (o *outbox) publish(in invocation, out result.Result, failed func(*result.Failure)) {
	if o.options.Bus == nil || out.Status == result.Queued || out.Status == result.Ignored {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, letter{in, out, failed})
	if len(o.waiting) == together {
		o.postWaiting()
	} else if o.timer == nil {
		o.timer = time.AfterFunc(lingering, o.flush)
	}
}

// flush publishes what waits.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.postWaiting()
}

// postWaiting begins to publish what waits; mu is held, so that wait overlooks no call that is about to
// begin. It waits for one of the publishers to be free.
func (o *outbox) postWaiting() {
	letters := o.waiting
	o.waiting = nil
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
	if len(letters) > 0 {
		o.calls.Go(func() error {
			o.post(letters)
			return nil
		})
	}
}

// post makes one call, and tells those whose results it does not publish.
func (o *outbox) post(letters []letter) {
	events := make([]Event, len(letters))
	for i, l := range letters {
		events[i] = Event{Result: l.out, TraceHeader: l.in.traceHeader}
	}
	for i, err := range o.options.Bus.Publish(o.ctx, events) {
		if err == nil {
			continue
		}
		l := letters[i]
		f := result.FailFor(result.PublishFailed, "the bus does not take the result", err)
		o.options.Log.LogAttrs(o.ctx, f.Code.Level(), "publish", slog.String("trigger", string(l.in.trigger)), slog.String("trace_id", traceID(l.in.traceHeader)),
			slog.String("user_id", l.out.UserID), slog.String("request_id", l.out.RequestID),
			slog.String("error", f.Message), slog.String("error_code", string(f.Code)), slog.String("cause", err.Error()))
		o.telling.Lock()
		l.failed(f)
		o.telling.Unlock()
	}
}

// wait publishes the rest and returns when all is done.
func (o *outbox) wait() {
	o.flush()
	_ = o.calls.Wait() // none returns an error
	o.cancel()
}

// publishAll publishes final results, and returns why one of them cannot be.
func (h *Handler) publishAll(ctx context.Context, in invocation, results []result.Result) (unpublished *result.Failure) {
	box := h.newOutbox(ctx, in.budget(0))
	for _, out := range results {
		box.publish(in, out, func(f *result.Failure) { unpublished = f })
	}
	box.wait()
	return unpublished
}
