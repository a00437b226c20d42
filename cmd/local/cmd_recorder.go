package main

import (
	"context"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// recorder keeps what the function reports about one invocation. It travels in the invocation's context.
type recorder struct {
	mu      sync.Mutex
	trigger document.Trigger // what the function took the event for; "" until it is done
	results []result.Result
}

type recorderKey struct{}

// record returns a context for one invocation, and the recorder of what happens in it.
func record(ctx context.Context) (context.Context, *recorder) {
	r := &recorder{}
	return context.WithValue(ctx, recorderKey{}, r), r
}

// recorded returns the trigger and the results so far.
func (r *recorder) recorded() (document.Trigger, []result.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trigger, append([]result.Result(nil), r.results...)
}

// recorders is an observe.Observer that tells the recorder of each invocation, if it has one.
type recorders struct{ observe.Nop }

var _ observe.Observer = recorders{}

func (recorders) Refreshed(ctx context.Context, _ observe.Origin, out result.Result) {
	if r, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.results = append(r.results, out)
	}
}

func (recorders) Invoked(ctx context.Context, from observe.Origin, _ *result.Failure) {
	if r, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.trigger = from.Trigger
	}
}

// exchanges is what passed between the function and the simulator.
type exchanges struct {
	total func() int    // requests that reached the simulator
	added chan struct{} // has a value if there is a new exchange

	mu  sync.Mutex
	all []junctiontest.Exchange
}

func newExchanges() *exchanges { return &exchanges{added: make(chan struct{}, 1)} }

func (x *exchanges) add(e junctiontest.Exchange) {
	x.mu.Lock()
	x.all = append(x.all, e)
	x.mu.Unlock()
	select {
	case x.added <- struct{}{}:
	default:
	}
}

// wait returns the exchanges. The simulator reports one only after its answer has been sent, so wait gives
// the last of them a moment.
func (x *exchanges) wait() []junctiontest.Exchange {
	timeout := time.After(time.Second)
	for {
		x.mu.Lock()
		all := x.all
		x.mu.Unlock()
		if len(all) >= x.total() {
			return all
		}
		select {
		case <-x.added:
		case <-timeout:
			return all
		}
	}
}
