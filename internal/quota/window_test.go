package quota

import (
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestTheNinthCallWaitsUntilTheFirstLeavesTheWindow(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		for i := range 8 {
			if !refreshed(t, gate, c, failure) {
				t.Fatalf("call %d is not granted", i+1)
			}
			c.add(2 * time.Minute)
		}
		d := enter(t, gate, c.after(time.Minute))
		wantDenied(t, d, time.Hour-16*time.Minute+late)
		c.add(d.RetryAfter - time.Millisecond)
		if refreshed(t, gate, c, failure) {
			t.Error("a call is granted a millisecond too early")
		}
		c.add(time.Millisecond)
		if !refreshed(t, gate, c, failure) {
			t.Error("no call is granted when the first has left the window")
		}
		if refreshed(t, gate, c, failure) {
			t.Error("two calls are granted when one has left the window")
		}
	})
}

func TestEachAttemptCounts(t *testing.T) {
	stores(t, Rules{Limit: 3, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, c.after(10*time.Second))
		for attempt := 2; attempt <= 3; attempt++ {
			if !again(t, d.Lease, c.after(10*time.Second)) {
				t.Errorf("attempt %d is not allowed", attempt)
			}
		}
		if again(t, d.Lease, c.after(10*time.Second)) {
			t.Error("a fourth attempt is allowed")
		}
		done(t, d.Lease, failure)
		want(t, enter(t, gate, c.after(time.Second)), refresh.Denied)
	})
}

func TestCallsThatWereNotSentAreGivenBack(t *testing.T) {
	stores(t, Rules{Limit: 3, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		for range 20 {
			d := enter(t, gate, c.after(time.Second))
			want(t, d, refresh.Granted)
			if !again(t, d.Lease, c.after(time.Second)) {
				t.Fatal("a second call is not allowed")
			}
			done(t, d.Lease, failure, refresh.NotSent, refresh.NotSent)
		}
		d := enter(t, gate, c.after(time.Second))
		c.add(time.Minute)
		again(t, d.Lease, c.after(time.Second))
		done(t, d.Lease, failure, refresh.NotSent, refresh.Sent) // the older call is given back
		for range 2 {
			refreshed(t, gate, c, failure)
		}
		wantDenied(t, enter(t, gate, c.after(time.Second)), time.Hour+late)
	})
}

func TestALoweredLimitLocksNoUserOut(t *testing.T) {
	c := newClock()
	before, table := newDynamo(t, Rules{Limit: 200, Window: time.Hour}, c)
	for range 150 {
		refreshed(t, before, c, failure)
	}
	c.add(2 * time.Hour)
	if after := sharing(table, before.name, hour, c.now); !refreshed(t, after, c, failure) {
		t.Error("calls that left the window long ago deny a call")
	}
}

func TestA429WithRetryAfterClosesTheUserUntilThen(t *testing.T) {
	limited := func(wait time.Duration) result.Result {
		return result.FromFailure(user, &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: wait, UpstreamStatus: 429})
	}
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, limited(10*time.Minute))
		wantDenied(t, enter(t, gate, c.after(time.Second)), 10*time.Minute)
		c.add(10 * time.Minute)
		if !refreshed(t, gate, c, limited(0)) {
			t.Error("the user is closed for more than 10 minutes")
		}
		if !refreshed(t, gate, c, failure) {
			t.Error("a 429 without a Retry-After closes the user")
		}
		refreshed(t, gate, c, limited(1000*time.Hour))
		wantDenied(t, enter(t, gate, c.after(time.Second)), 24*time.Hour)
	})
}

func TestAUserWhoseInstancesAlwaysDieIsNotLockedOut(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for i := range 120 { // more calls than an item holds
			if d := enter(t, gate, c.after(time.Second)); d.Kind != refresh.Granted {
				t.Fatalf("call %d is not granted: %+v", i, d)
			}
			c.add(10 * time.Minute)
		}
	})
}

func TestClocksOneSecondApartExceedNoWindow(t *testing.T) {
	c := newClock()
	rules := Rules{Limit: 8, Window: time.Minute}
	slow, table := newDynamo(t, rules, c)
	fast := sharing(table, slow.name, rules, func() time.Time { return c.now().Add(time.Second) })
	var calls []time.Time // by the true clock
	for i := range 400 {
		gate := []*Dynamo{slow, fast}[i%2]
		if d := enter(t, gate, gate.now().Add(time.Minute)); d.Lease != nil {
			calls = append(calls, c.now())
			done(t, d.Lease, failure)
		}
		c.add(500 * time.Millisecond)
	}
	for i := 8; i < len(calls); i++ {
		if calls[i].Sub(calls[i-8]) < time.Minute {
			t.Errorf("nine calls within %v", calls[i].Sub(calls[i-8]))
		}
	}
	if len(calls) < 16 {
		t.Errorf("%d calls in 200 s, want at least 16", len(calls))
	}
}

func TestWithoutALimitEveryCallIsGranted(t *testing.T) {
	stores(t, Rules{Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for i := range 60 {
			if !refreshed(t, gate, c, failure) {
				t.Fatalf("call %d is not granted", i+1)
			}
		}
		refreshed(t, gate, c, success)
		want(t, enter(t, gate, c.after(time.Second)), refresh.Coalesced)
	})
}

func TestTheRulesAreOffOnlyWithoutLimitAndCoalescing(t *testing.T) {
	for name, c := range map[string]struct {
		rules Rules
		want  bool
	}{
		"a window alone":    {Rules{Window: time.Hour}, false},
		"a limit":           {Rules{Limit: 1}, true},
		"a coalesce window": {Rules{Coalesce: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.rules.On() != c.want {
				t.Errorf("On is %t, want %t", !c.want, c.want)
			}
		})
	}
}
