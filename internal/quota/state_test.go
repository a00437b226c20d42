package quota

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func stateOf(t *testing.T, gate refresh.Gate) result.State {
	t.Helper()
	s, err := gate.State(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantState checks what is known of the user.
func wantState(t *testing.T, gate refresh.Gate, want result.State) {
	t.Helper()
	want.UserID = user
	if diff := cmp.Diff(want, stateOf(t, gate), cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
		t.Errorf("the state is another (-want +got):\n%s", diff)
	}
}

// at returns a time as a state shows it: in whole seconds, rounded up.
func at(t time.Time) *time.Time {
	return new(t.Add(time.Second - time.Nanosecond).UTC().Truncate(time.Second))
}

func TestAnUnknownUserHasNothingButItsFullQuota(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, _ *clock, _ time.Duration) {
		wantState(t, gate, result.State{CallsLeft: new(8)})
	})
}

func TestTheStateCountsTheCallsInTheWindow(t *testing.T) {
	stores(t, Rules{Limit: 2, Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		began := c.now()
		d := enter(t, gate, c.after(30*time.Second))
		wantState(t, gate, result.State{Refreshing: true, CallsInWindow: 1, CallsLeft: new(1)})
		done(t, d.Lease, failure)
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(1)})
		c.add(90_500 * time.Millisecond)
		enter(t, gate, c.after(30*time.Second))
		wantState(t, gate, result.State{Refreshing: true, CallsInWindow: 2, CallsLeft: new(0), NextCallAt: at(began.Add(time.Hour + late))})
		c.add(30 * time.Second) // the lease ends by itself
		wantState(t, gate, result.State{CallsInWindow: 2, CallsLeft: new(0), NextCallAt: at(began.Add(time.Hour + late))})
		c.add(time.Hour + late - 120_500*time.Millisecond)
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(1)})
	})
}

func TestTheNextCallIsNotSaidToBePossibleTooEarly(t *testing.T) {
	stores(t, Rules{Limit: 1, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		c.add(1 * time.Millisecond)
		refreshed(t, gate, c, failure)
		next := stateOf(t, gate).NextCallAt
		if next == nil {
			t.Fatal("a call is possible at once")
		}
		c.add(next.Sub(c.now()))
		if !refreshed(t, gate, c, failure) {
			t.Error("at that time no call is granted")
		}
	})
}

func TestAUserThatA429ClosedHasNoCallsLeftUntilThen(t *testing.T) {
	limited := result.FromFailure(user, &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 10 * time.Minute, UpstreamStatus: 429})
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, limited)
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(0), NextCallAt: at(c.after(10 * time.Minute))})
		c.add(10 * time.Minute)
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(7)})
	})
}

func TestTheLastResultIsTheLastSuccessOfTheHour(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		c.add(400 * time.Millisecond)
		refreshed(t, gate, c, inProgress())
		when := new(c.now().UTC().Truncate(time.Second))
		want := inProgress()
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(7), LastResult: &want, LastRefreshedAt: when})
		c.add(30 * time.Minute)
		refreshed(t, gate, c, failure) // does not replace it
		settle(t, gate, ended())
		want = ended()
		wantState(t, gate, result.State{CallsInWindow: 2, CallsLeft: new(6), LastResult: &want, LastRefreshedAt: when})
		c.add(30*time.Minute - time.Millisecond)
		wantState(t, gate, result.State{CallsInWindow: 2, CallsLeft: new(6), LastResult: &want, LastRefreshedAt: when})
		c.add(time.Millisecond + late)
		wantState(t, gate, result.State{CallsInWindow: 1, CallsLeft: new(7)})
	})
}

func TestTheStateHasOnlyWhatCanBeTrue(t *testing.T) {
	stranger := inProgress()
	stranger.UserID = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"
	for name, planted := range map[string]func(now time.Time) state{
		"another user's result": func(now time.Time) state { return state{result: hour.encode(stranger), resultAt: now.UnixMilli()} },
		"a result of the future": func(now time.Time) state {
			return state{result: hour.encode(success), resultAt: now.Add(2 * time.Minute).UnixMilli()}
		},
		"a result without a time": func(time.Time) state { return state{result: hour.encode(success)} },
		"no result at a time":     func(now time.Time) state { return state{resultAt: now.UnixMilli()} },
		"everything ten years ahead": func(now time.Time) state {
			ahead := now.AddDate(10, 0, 0)
			return state{calls: times(8, ahead), owner: "x", leaseUntil: ahead.UnixMilli(), closedUntil: ahead.UnixMilli(), result: hour.encode(success), resultAt: ahead.UnixMilli()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
				plant(t, gate, planted(c.now()))
				wantState(t, gate, result.State{CallsLeft: new(8)})
			})
		})
	}
}

func TestWithTheQuotaOffNoCallsAreCounted(t *testing.T) {
	stores(t, Rules{Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		wantState(t, gate, result.State{})
		refreshed(t, gate, c, failure)
		enter(t, gate, c.after(time.Minute))
		wantState(t, gate, result.State{Refreshing: true})
	})
}

func TestTheStateChangesNothing(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for range 20 {
			stateOf(t, gate)
		}
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}
