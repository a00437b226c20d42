package quota

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
)

// enterAccepting asks for a refresh of the user that accepts a stored result up to maxAge old.
func enterAccepting(t rapid.TB, gate refresh.Gate, until time.Time, maxAge time.Duration) refresh.Decision {
	t.Helper()
	return enterEntry(t, gate, refresh.Entry{UserID: user, Until: until, MaxAge: &maxAge})
}

func TestAMaxAgeTakesThePlaceOfTheCoalesceWindow(t *testing.T) {
	for name, c := range map[string]struct{ maxAge, age time.Duration }{
		"shorter":         {10 * time.Second, 10 * time.Second},
		"longer":          {15 * time.Minute, 15 * time.Minute},
		"an hour":         {time.Hour, time.Hour},
		"no whole second": {1500 * time.Microsecond, 2 * time.Millisecond},
		"almost nothing":  {time.Nanosecond, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				refreshed(t, gate, clock, success)
				if c.age > 2*time.Millisecond {
					clock.add(c.age - time.Millisecond)
					d := enterAccepting(t, gate, clock.after(time.Minute), c.maxAge)
					want(t, d, refresh.Coalesced)
					if d.Age != c.age-time.Millisecond {
						t.Errorf("the result is %v old, want %v", d.Age, c.age-time.Millisecond)
					}
					clock.add(time.Millisecond)
				} else {
					clock.add(c.age)
				}
				want(t, enterAccepting(t, gate, clock.after(time.Minute), c.maxAge), refresh.Granted)
			})
		})
	}
}

func TestAMaxAgeOfZeroTakesNoStoredResult(t *testing.T) {
	stores(t, Rules{Limit: 2, Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		refreshed(t, gate, c, success)
		d := enterAccepting(t, gate, c.after(30*time.Second), 0)
		want(t, d, refresh.Granted)
		other := enterAccepting(t, gate, c.after(30*time.Second), 0)
		want(t, other, refresh.InFlight) // the lease holds
		if other.RetryAfter != 30*time.Second {
			t.Errorf("the time to wait is %v, want 30 s", other.RetryAfter)
		}
		done(t, d.Lease, success)
		wantDenied(t, enterAccepting(t, gate, c.after(time.Minute), 0), time.Hour+late) // and the quota
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Coalesced)                // others take the result
	})
}

func TestAMaxAgeThatIsNoWholeMillisecondTakesOneRoundTrip(t *testing.T) {
	c := newClock()
	d, table := newDynamo(t, hour, c)
	refreshed(t, d, c, success)
	c.add(time.Millisecond)
	before := table.trips.Load()
	want(t, enterAccepting(t, d, c.after(time.Minute), 1500*time.Microsecond), refresh.Granted)
	if n := table.trips.Load() - before; n != 1 {
		t.Errorf("%d round trips, want 1: the condition and the rules agree", n)
	}
}

func TestAMaxAgeFindsNothingIfCoalescingIsOff(t *testing.T) {
	stores(t, Rules{Limit: 8, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, success)
		want(t, enterAccepting(t, gate, c.after(time.Minute), time.Hour), refresh.Granted)
	})
}

func TestALongerMaxAgeTakesTheResultOfAUserWhoseQuotaIsUsedUp(t *testing.T) {
	stores(t, Rules{Limit: 1, Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, success)
		c.add(30 * time.Minute)
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Denied)
		want(t, enterAccepting(t, gate, c.after(time.Minute), 45*time.Minute), refresh.Coalesced)
	})
}

func TestAResultByAClockThatIsAheadIsNotOfTheFuture(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		plant(t, gate, state{result: hour.encode(success), resultAt: c.after(30 * time.Second).UnixMilli()})
		d := enter(t, gate, c.after(time.Minute))
		want(t, d, refresh.Coalesced)
		if d.Age != 0 {
			t.Errorf("the result is %v old, want 0", d.Age)
		}
	})
}
