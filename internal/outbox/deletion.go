package outbox

import (
	"context"
	"log/slog"
	"sync"
)

// maxPending is how many batches of messages wait for their early deletion. More than that wait only if
// deletions are slower than publishing; those are left to the end of the invocation.
const maxPending = 100

// deleter deletes the queue messages of published results before their batch ends. It has a goroutine of its
// own, so that a slow or hanging deletion holds up neither the publishing nor the end.
type deleter struct {
	options Options
	pending chan []string // receipt handles
	stop    context.CancelFunc
	running sync.WaitGroup
}

// startDeleter returns a running deleter. close must be called.
func startDeleter(ctx context.Context, options Options) *deleter {
	ctx, stop := context.WithCancel(ctx)
	d := &deleter{options: options, pending: make(chan []string, maxPending), stop: stop}
	d.running.Go(func() { d.run(ctx) })
	return d
}

// delete takes the messages of published results. It does not wait.
func (d *deleter) delete(published []Item) {
	var handles []string
	for _, item := range published {
		if item.ReceiptHandle != "" {
			handles = append(handles, item.ReceiptHandle)
		}
	}
	if d.options.Delete == nil || len(handles) == 0 {
		return
	}
	select {
	case d.pending <- handles:
	default: // the deletions lag behind
	}
}

// close cancels what has not been deleted yet.
func (d *deleter) close() {
	d.stop()
	d.running.Wait()
}

// run makes one call at a time, for everything that is pending, until ctx ends.
func (d *deleter) run(ctx context.Context) {
	for {
		var handles []string
		select {
		case handles = <-d.pending:
		case <-ctx.Done():
			return
		}
		for range len(d.pending) {
			handles = append(handles, <-d.pending...)
		}
		if err := d.options.Delete(ctx, handles); err != nil && ctx.Err() == nil {
			d.options.Log.DebugContext(ctx, "early deletion failed; the messages are deleted when their batch ends", slog.String("cause", err.Error()))
		}
	}
}
