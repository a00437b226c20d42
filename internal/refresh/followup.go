package refresh

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// attemptsTimeout is how long one look at a user's last attempts may take.
	attemptsTimeout = 5 * time.Second
	// explainTimeout is how long it may take to find out why sources failed, and explainMinimum is the least
	// time for it: the result is worth more than its explanation.
	explainTimeout = 2 * time.Second
	explainMinimum = time.Second
)

// Look is the next look at the sources of a refresh that were still running.
type Look struct {
	FollowUp result.FollowUp
	After    time.Duration // from now
}

// FirstLook returns the first look at the sources of a result, or nil if there is nothing to follow up.
func (r *Refresher) FirstLook(out result.Result) *Look {
	if f := out.FollowUp(); f != nil && len(r.options.FollowUp) > 0 {
		return &Look{FollowUp: *f, After: r.options.FollowUp[0]}
	}
	return nil
}

// Look looks at the sources of a follow-up. It returns the next look or, if there is none, the final result.
// A look that fails finds nothing new. It costs the quota nothing.
func (r *Refresher) Look(ctx context.Context, f result.FollowUp, requestID string, budget Budget) (next *Look, end result.Result) {
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-margin))
	defer cancel()
	s := r.newSession(budget)
	usable := s.open(ctx) == nil // the key is
	var attempts []result.Attempt
	if usable {
		attempts, _ = lookUp(ctx, s, attemptsTimeout, func(ctx context.Context) ([]result.Attempt, error) {
			return s.upstream.LastAttempts(ctx, s.key, f.UserID)
		})
	}
	f = f.After(attempts)
	if pauses := r.options.FollowUp; len(f.InProgress) > 0 && f.Looks < len(pauses) {
		return &Look{FollowUp: f, After: pauses[f.Looks]}, result.Result{}
	}
	end = f.Result()
	end.RequestID = requestID
	if usable {
		s.explain(ctx, &end)
	}
	if r.options.Gate != nil {
		end.Degraded = r.options.Gate.Settle(ctx, end)
	}
	return nil, end
}

// explain adds to a result why its sources failed, if there is time and Junction says so.
func (s *session) explain(ctx context.Context, out *result.Result) {
	left := time.Until(s.budget.End().Add(-margin))
	if !s.options.ExplainFailures || !out.Success || len(out.FailedSources) == 0 || left < explainMinimum {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(left, explainTimeout))
	defer cancel()
	if connections, err := s.upstream.Connections(ctx, s.key, out.UserID); err == nil {
		out.Explain(connections)
	}
}
