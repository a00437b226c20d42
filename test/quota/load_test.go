package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// answers counts answers by their status or Lambda error.
type answers map[string]int

func (a answers) total() (all int) {
	for _, n := range a {
		all += n
	}
	return all
}

// load has every caller of every member ask for one user's refresh, again and again, until ctx ends.
func load(ctx context.Context, t *testing.T, f *harness.Fleet) answers {
	t.Helper()
	var mu sync.Mutex
	seen := answers{}
	var callers sync.WaitGroup
	for _, m := range f.Members {
		for range callersPerMember {
			callers.Go(func() {
				for ctx.Err() == nil {
					harness.Pause(ctx, time.Duration(rand.Int64N(int64(2*pause))))
					answer, ok := m.Invoke(`{"user_id":"` + junctiontest.CompletedUserID + `","timeout":5}`)
					if !ok {
						continue
					}
					got := harness.Decode[struct{ Status, ErrorType string }](t, answer)
					mu.Lock()
					seen[got.Status+got.ErrorType]++
					mu.Unlock()
				}
			})
		}
	}
	callers.Wait()
	return seen
}

// checkQuota checks that no window has too many calls, apart from those for which the table did not answer in time.
func checkQuota(t *testing.T, f *harness.Fleet, seen answers) (calls []time.Time) {
	t.Helper()
	const logDelay = 2 * time.Second // how much later than its call a refresh may be logged
	calls, ungated := f.Calls(), f.Ungated()
	t.Logf("%d calls for the answers %v; %d ungated", len(calls), seen, len(ungated))
	worst, tooMany := "", 0
	for first, end, mostOver := 0, 0, 0; first < len(calls); first++ {
		for end < len(calls) && calls[end].Sub(calls[first]) < window {
			end++
		}
		allowed := limit
		for _, at := range ungated {
			if at.After(calls[first]) && at.Before(calls[end-1].Add(logDelay)) {
				allowed++
			}
		}
		n := end - first
		if n <= allowed {
			continue
		}
		tooMany++
		if n-allowed > mostOver {
			mostOver = n - allowed
			worst = fmt.Sprintf("%d calls within %v, want at most %d", n, calls[end-1].Sub(calls[first]), allowed)
		}
	}
	if tooMany > 0 {
		t.Errorf("%d windows have too many calls, the worst: %s. If calls are ungated, the machine may be too busy for this test: a killed process cannot log that its calls were", tooMany, worst)
	}
	if all := seen.total(); len(ungated) > all/4 {
		t.Errorf("%d calls for %d answers were made although the table did not answer in time", len(ungated), all)
	}
	return calls
}
