package refresh

import (
	"context"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// All refreshes many users, at most MaxConcurrency at once. It hands over each result as it comes, with
// its request's place, and returns after the last. What cannot begin in time is insufficient_time.
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
