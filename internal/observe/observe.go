// Package observe tells what happened, once, to everybody who listens: the log line, the metrics, and on a
// laptop the screen.
package observe

import (
	"context"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Origin says where a refresh came from.
type Origin struct {
	Trigger     document.Trigger
	QueuedBy    document.Trigger // the trigger that queued it; "" if it was not queued
	RequestID   string
	TraceHeader string // X-Ray's, "Root=1-…;Parent=…;Sampled=1"; "" if there is none
}

// TraceID returns the trace of the X-Ray header, or "" if there is none.
func (o Origin) TraceID() string { return o.trace("Root=") }

// trace returns the part of the X-Ray header that begins with key, or "" if there is none. Whoever may send a queue
// message chooses its header, so that anything that cannot be an ID is left out.
func (o Origin) trace(key string) string {
	for part := range strings.SplitSeq(o.TraceHeader, ";") {
		if value, ok := strings.CutPrefix(part, key); ok && result.IsID(value) {
			return value
		}
	}
	return ""
}

// Observer is told what happened, as it happens. ctx is the invocation's, with all its values. The methods
// are called from several goroutines.
type Observer interface {
	// Refreshed is called with each result: refreshed, failed, queued or ignored.
	Refreshed(ctx context.Context, from Origin, out result.Result)
	// Looked is called after a look at the sources of a refresh that was still running, if another follows.
	Looked(ctx context.Context, from Origin, f result.FollowUp)
	// Settled is called with the result at the end of a follow-up.
	Settled(ctx context.Context, from Origin, out result.Result)
	// Queued is called when a document with many users was put on the queue. pages is the number of
	// messages if the document is for all users, else 0.
	Queued(ctx context.Context, from Origin, users, pages int)
	// PublishFailed is called when a result could not be published.
	PublishFailed(ctx context.Context, from Origin, out result.Result, f *result.Failure)
	// Invoked is called at the end of an invocation. f is why it ends with a Lambda error, or nil.
	Invoked(ctx context.Context, from Origin, f *result.Failure)
}

// All is several observers, each of which is told.
type All []Observer

// Refreshed implements Observer.
func (a All) Refreshed(ctx context.Context, from Origin, out result.Result) {
	a.each(func(o Observer) { o.Refreshed(ctx, from, out) })
}

// Looked implements Observer.
func (a All) Looked(ctx context.Context, from Origin, f result.FollowUp) {
	a.each(func(o Observer) { o.Looked(ctx, from, f) })
}

// Settled implements Observer.
func (a All) Settled(ctx context.Context, from Origin, out result.Result) {
	a.each(func(o Observer) { o.Settled(ctx, from, out) })
}

// Queued implements Observer.
func (a All) Queued(ctx context.Context, from Origin, users, pages int) {
	a.each(func(o Observer) { o.Queued(ctx, from, users, pages) })
}

// PublishFailed implements Observer.
func (a All) PublishFailed(ctx context.Context, from Origin, out result.Result, f *result.Failure) {
	a.each(func(o Observer) { o.PublishFailed(ctx, from, out, f) })
}

// Invoked implements Observer.
func (a All) Invoked(ctx context.Context, from Origin, f *result.Failure) {
	a.each(func(o Observer) { o.Invoked(ctx, from, f) })
}

func (a All) each(tell func(Observer)) {
	for _, o := range a {
		tell(o)
	}
}

// Nop observes nothing. Embed it to observe only some of what happens.
type Nop struct{ All }
