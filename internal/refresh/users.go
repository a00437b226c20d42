package refresh

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// listTimeout is how long one page of users may take: it is some hundred KiB.
const listTimeout = 15 * time.Second

// Users lists a page of the team's users, 500 at most. Errors are *result.Failure.
func (r *Refresher) Users(ctx context.Context, budget Budget, offset, limit int) (result.Page, error) {
	j := &job{Refresher: r, Request: Request{Budget: budget}}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-margin))
	defer cancel()
	if err := j.readKey(ctx); err != nil {
		return result.Page{}, err
	}
	return lookUp(ctx, j, listTimeout, func(ctx context.Context) (result.Page, error) {
		return r.upstream.List(ctx, j.key, offset, limit)
	})
}
