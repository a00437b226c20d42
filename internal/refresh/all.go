package refresh

import (
	"context"
	"sync"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// All refreshes many users, at most MaxConcurrency at once, and returns one result for each request,
// in their order. What cannot begin in time is insufficient_time.
func (r *Refresher) All(ctx context.Context, requests []Request) []result.Result {
	results := make([]result.Result, len(requests))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(r.options.MaxConcurrency, len(requests)) {
		workers.Go(func() {
			for i := range next {
				results[i] = r.Refresh(ctx, requests[i])
			}
		})
	}
	for i := range requests {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}
