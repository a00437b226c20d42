package quota

import (
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
)

func TestARefreshInFlightSaysWhenItsLeaseIsOver(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		lease := enterUser(t, gate, user, c.after(30*time.Second)).Lease
		check := func(want time.Duration) {
			t.Helper()
			if d := enterUser(t, gate, user, c.after(time.Minute)); d.Kind != refresh.InFlight || d.RetryAfter != want {
				t.Errorf("the decision is %+v, want in flight for %v", d, want)
			}
		}
		check(30 * time.Second)
		c.add(29999 * time.Millisecond)
		check(time.Millisecond)
		again(t, lease, c.after(10*time.Second))
		check(10 * time.Second)
	})
}
