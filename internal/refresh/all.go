package refresh

import (
	"context"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// All refreshes many users, at most MaxConcurrency at once. It calls each with every result as it comes,
// and with its request's index, from one goroutine, and returns after the last. A refresh that cannot begin
// in time fails with insufficient_time.
func (r *Refresher) All(ctx context.Context, requests []Request, each func(i int, out result.Result)) {
	type outcome struct {
		i   int
		out result.Result
	}
	next, done := make(chan int, len(requests)), make(chan outcome, len(requests))
	for i := range requests {
		next <- i
	}
	close(next)
	for range min(r.options.MaxConcurrency, len(requests)) {
		go func() {
			for i := range next {
				done <- outcome{i, r.Refresh(ctx, requests[i])}
			}
		}()
	}
	for range requests {
		o := <-done
		each(o.i, o.out)
	}
}
