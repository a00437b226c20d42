package quota

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
)

// model is the rules for one user, in the simplest form: it keeps every call for ever.
type model struct {
	rules      Rules
	window     time.Duration // as the store counts it
	clock      *clock
	calls      []int64 // all times are in milliseconds
	resultAt   int64   // 0 if none is stored
	leaseUntil int64
}

// open reports whether the quota allows a call now.
func (m *model) open() bool {
	recent := 0
	for _, at := range m.calls {
		if at > m.clock.ms.Load()-m.window.Milliseconds() {
			recent++
		}
	}
	return m.rules.Limit == 0 || recent < m.rules.Limit
}

// decide returns the kind of the decision about a refresh now. maxAge is nil if the request names none.
func (m *model) decide(maxAge *time.Duration) refresh.Kind {
	now, accepted := m.clock.ms.Load(), m.rules.Coalesce
	if maxAge != nil {
		accepted = *maxAge
	}
	switch {
	case m.resultAt > now-accepted.Milliseconds() && accepted > 0:
		return refresh.Coalesced
	case m.leaseUntil > now:
		return refresh.InFlight
	case !m.open():
		return refresh.Denied
	}
	return refresh.Granted
}

// call counts a call that ends by until.
func (m *model) call(until int64) {
	m.calls, m.leaseUntil = append(m.calls, m.clock.ms.Load()), until
}

// checkAgainstModel makes random refreshes of one user, and compares what the gate decides with the model.
func checkAgainstModel(t *rapid.T, gate refresh.Gate, c *clock, rules Rules, late time.Duration) {
	m := &model{rules: rules, window: rules.Window + late, clock: c}
	var lease refresh.Lease
	t.Repeat(map[string]func(*rapid.T){
		"wait": func(t *rapid.T) { c.add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond) },
		"enter": func(t *rapid.T) {
			until := c.ms.Load() + int64(rapid.IntRange(1, 20_000).Draw(t, "lease"))
			maxAge := rapid.SampledFrom(maxAges).Draw(t, "max age")
			want := m.decide(maxAge)
			d := enterEntry(t, gate, refresh.Entry{UserID: user, Until: time.UnixMilli(until), MaxAge: maxAge})
			if d.Kind != want {
				t.Fatalf("the decision is %+v, want the kind %d", d, want)
			}
			if d.Kind == refresh.Denied && d.RetryAfter <= 0 {
				t.Fatalf("a denied refresh has to wait %v", d.RetryAfter)
			}
			if d.Kind == refresh.Granted {
				lease = d.Lease
				m.call(until)
			}
		},
		"again": func(t *rapid.T) {
			if lease == nil || m.leaseUntil <= c.ms.Load() {
				return
			}
			want, until := m.open(), c.ms.Load()+10_000
			if got := again(t, lease, time.UnixMilli(until)); got != want {
				t.Fatalf("another call is allowed: %t, want %t", got, want)
			}
			if want {
				m.call(until)
			}
		},
		"done": func(t *rapid.T) {
			if lease == nil {
				return
			}
			out := failure
			if rapid.Bool().Draw(t, "success") {
				out = success
			}
			if err := lease.Done(context.Background(), out, nil); err != nil {
				t.Fatal(err)
			}
			if out.Success && rules.Coalesce > 0 {
				m.resultAt = c.ms.Load()
			}
			lease, m.leaseUntil = nil, 0
		},
		"settle": func(t *rapid.T) { // changes no decision
			out := success
			out.RequestID = rapid.SampledFrom([]string{"", "another request"}).Draw(t, "request")
			if err := gate.Settle(context.Background(), out); err != nil {
				t.Fatal(err)
			}
		},
		"state": func(t *rapid.T) {
			known, err := gate.State(context.Background(), user)
			if err != nil {
				t.Fatal(err)
			}
			now := c.ms.Load()
			if known.Refreshing != (m.leaseUntil > now) {
				t.Fatalf("refreshing is %t, and the lease is over in %d ms", known.Refreshing, m.leaseUntil-now)
			}
			if (known.NextCallAt == nil) != m.open() {
				t.Fatalf("the next call is possible at %v at %d, and the quota allows one: %t", known.NextCallAt, now, m.open())
			}
			if (known.LastResult != nil) != (m.resultAt > now-time.Hour.Milliseconds()) {
				t.Fatalf("the last result is %v, and one was stored %d ms ago", known.LastResult, now-m.resultAt)
			}
		},
	})
}

// maxAges are what a request can name.
var maxAges = []*time.Duration{nil, nil, new(time.Duration(0)), new(2 * time.Second), new(30 * time.Second)}

func drawRules(t *rapid.T) Rules {
	return Rules{
		Limit: rapid.IntRange(0, 4).Draw(t, "limit"), Window: time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second,
		Coalesce: time.Duration(rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "coalesce")) * time.Second,
	}
}

func TestTheStoresDecideAsTheModelDoes(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			rules, c := drawRules(r), newClock()
			checkAgainstModel(r, newMemory(rules, c), c, rules, 0)
		})
	})
	t.Run("DynamoDB", func(t *testing.T) {
		endpoint(t)
		rapid.Check(t, func(r *rapid.T) {
			rules, c := drawRules(r), newClock()
			d, _ := newDynamo(t, rules, c)
			checkAgainstModel(r, d, c, rules, skew)
		})
	})
}
