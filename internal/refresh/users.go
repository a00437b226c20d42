package refresh

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// listTimeout is how long one page of users may take: it has a few hundred KiB.
const listTimeout = 15 * time.Second

// Users lists a page of the team's users, at most 500. Errors are *result.Failure.
func (r *Refresher) Users(ctx context.Context, budget Budget, offset, limit int) (result.Page, error) {
	s := r.newSession(budget)
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-margin))
	defer cancel()
	if err := s.open(ctx); err != nil {
		return result.Page{}, err
	}
	return lookUp(ctx, s, listTimeout, func(ctx context.Context) (result.Page, error) {
		return r.upstream.List(ctx, s.key, offset, limit)
	})
}
