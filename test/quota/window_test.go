package quota

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestQuotaHoldsInEveryWindow(t *testing.T) {
	env := environ()
	env["MAX_ATTEMPTS"] = "3"
	f := harness.NewFleet(t, 20*time.Second, env)
	ctx, cancel := context.WithTimeout(t.Context(), duration(t))
	defer cancel()
	f.Junction.InjectWhen(func(*http.Request) bool { return rand.IntN(3) == 0 }, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	seen := load(ctx, t, f)
	calls := len(checkQuota(t, f, seen))
	// The whole quota at once, and again each time that those calls have left the window; the last may be under way.
	windows := 1 + int((duration(t)-4*time.Second)/(tableWindow+time.Second))
	if least := windows * limit; calls < least {
		t.Errorf("%d calls in %v, want at least %d: the quota is not used up", calls, duration(t), least)
	}
	// A third of the calls fail and are retried while the quota lasts.
	completed, failed, inProgress, limited := seen["completed"], seen["UpstreamUnavailable"], seen["in_progress"], seen["RateLimited"]
	if completed == 0 || inProgress == 0 || limited == 0 {
		t.Errorf("one kind of answer is missing: %v", seen)
	}
	if completed+failed >= calls {
		t.Errorf("%d calls for %d answers after a call: none was a retry", calls, completed+failed)
	}
	if completed+failed+inProgress+limited != seen.total() {
		t.Errorf("there is another kind of answer: %v", seen)
	}
}
