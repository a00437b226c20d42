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

// A queue message comes back a second after it is told to, and ends on the dead-letter queue at its sixth receipt.
func TestOnceARefreshInFlightHasEndedAllWhoWaitForItGetItsResult(t *testing.T) {
	for _, coalesce := range []time.Duration{30 * time.Second, time.Minute, time.Hour} {
		for _, takes := range []time.Duration{0, 2 * time.Second, 29 * time.Second, 50 * time.Second, 61 * time.Second} {
			t.Run(coalesce.String()+" after "+takes.String(), func(t *testing.T) {
				c := newClock()
				gate := newMemory(Rules{Limit: 8, Window: time.Hour, Coalesce: coalesce}, c)
				lease := enterUser(t, gate, user, c.after(refresh.MaxLease)).Lease
				ends, ended := c.after(takes), false
				for receipt := 1; ; receipt++ {
					d := enterUser(t, gate, user, c.after(refresh.MaxLease))
					if d.Kind != refresh.InFlight {
						want(t, d, refresh.Coalesced)
						return
					}
					if receipt == 5 {
						t.Fatal("in flight at the fifth receipt")
					}
					back := c.after(d.RetryAfter + time.Second)
					if !ended && !ends.After(back) {
						c.add(ends.Sub(c.now()))
						done(t, lease, success)
						ended = true
					}
					c.add(back.Sub(c.now()))
				}
			})
		}
	}
}
