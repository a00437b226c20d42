package quota

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// inProgress is the result of a refresh that is followed up, and ended its final result.
func inProgress() result.Result {
	return refreshedWith(result.Answer{Status: 202, Refreshed: []string{"withings/body"}, InProgress: []string{"oura/sleep"}})
}

func ended() result.Result {
	out := refreshedWith(result.Answer{Status: 200, Refreshed: []string{"withings/body"}, Failed: []string{"oura/sleep"}})
	out.UpstreamStatus, out.DurationMS, out.CompletedAt = 202, 95_000, out.CompletedAt.Add(90*time.Second)
	out.Explain([]result.Connection{{Provider: "oura", Broken: true, Reason: "token_refresh_failed"}})
	return out
}

func settle(t *testing.T, gate refresh.Gate, out result.Result) {
	t.Helper()
	if err := gate.Settle(t.Context(), out); err != nil {
		t.Fatal(err)
	}
}

// wantStored checks a decision's result.
func wantStored(t *testing.T, d refresh.Decision, want result.Result) {
	t.Helper()
	if d.Kind != refresh.Coalesced {
		t.Fatalf("the decision is %v, want coalesced", d.Kind)
	}
	if diff := cmp.Diff(want, d.Result, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
		t.Errorf("another result is stored (-want +got):\n%s", diff)
	}
}

func TestTheEndOfAFollowUpReplacesItsRequestsResult(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, inProgress())
		c.add(30 * time.Second)
		settle(t, gate, ended())
		d := enter(t, gate, c.after(time.Minute))
		wantStored(t, d, ended())
		if d.Age != 30*time.Second {
			t.Errorf("the result is %v old, want 30 s: it is the refresh's", d.Age)
		}
		c.add(30 * time.Second)
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestAnEndIsStoredDuringTheNextRefreshToo(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, inProgress())
		c.add(2 * time.Minute)
		next := enter(t, gate, c.after(time.Minute))
		settle(t, gate, ended())
		wantStored(t, enterAccepting(t, gate, c.after(time.Minute), time.Hour), ended())
		want(t, enter(t, gate, c.after(time.Minute)), refresh.InFlight) // its lease is kept
		later := inProgress()
		later.RequestID = "later"
		done(t, next.Lease, later)
		settle(t, gate, ended()) // the same message, received twice
		wantStored(t, enter(t, gate, c.after(time.Minute)), later)
	})
}

func TestAnEndThatReplacesNothingChangesNothing(t *testing.T) {
	other := ended()
	other.RequestID = "of another request"
	negative, strange := ended(), ended()
	negative.DurationMS = -1
	strange.UpstreamStatus = 500
	for name, c := range map[string]struct {
		end result.Result
	}{
		"of another request":                  {other},
		"a failure":                           {result.FromFailure(user, result.Fail(result.UpstreamTimeout, "x"))},
		"with a number that cannot be true":   {negative},
		"with a status that Junction has not": {strange},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				refreshed(t, gate, clock, inProgress())
				settle(t, gate, c.end)
				wantStored(t, enter(t, gate, clock.after(time.Minute)), inProgress())
			})
		})
	}
}

func TestAnEndOfAnUnknownUserIsNotStored(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		settle(t, gate, ended())
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestAnEndOfAUserWithoutAResultIsNotStored(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		failed := failure
		failed.RequestID = ended().RequestID
		refreshed(t, gate, c, failed)
		settle(t, gate, ended())
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestWithoutCoalescingAnEndIsNotStored(t *testing.T) {
	stores(t, Rules{Limit: 8, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, inProgress())
		settle(t, gate, ended())
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
		if s := stateOf(t, gate); s.LastResult != nil {
			t.Errorf("the last result is %+v", s.LastResult)
		}
	})
}

func TestAnEndTakesOneRoundTripAndNoneIfNothingIsStored(t *testing.T) {
	c := newClock()
	d, table := newDynamo(t, hour, c)
	settle(t, d, ended())
	if n := table.trips.Load(); n != 1 {
		t.Errorf("%d round trips, want 1", n)
	}
	off := sharing(table, d.name, Rules{Limit: 8, Window: time.Hour}, c.now)
	settle(t, off, ended())
	if n := table.trips.Load(); n != 1 {
		t.Errorf("%d round trips without coalescing, want none", n-1)
	}
	if item := itemOf(t, d, table.Client); item != nil {
		t.Errorf("an unknown user has an item: %v", item)
	}
}
