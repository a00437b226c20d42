package quota

import (
	"fmt"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestALeaseOfAForgottenUserEndsNoOtherLease(t *testing.T) {
	c := newClock()
	m := newMemory(hour, c)
	late := enter(t, m, c.after(time.Second))
	c.add(3 * time.Hour) // long enough for the user to be forgotten
	want(t, enter(t, m, c.after(time.Minute)), refresh.Granted)
	done(t, late.Lease, failure)
	want(t, enter(t, m, c.after(time.Minute)), refresh.InFlight)
}

func TestTheMemoryIsBounded(t *testing.T) {
	c := newClock()
	m := newMemory(hour, c)
	for i := range maxUsers + 500 {
		done(t, enterUser(t, m, fmt.Sprint(i), c.after(time.Second)).Lease, failure)
	}
	if len(m.users) > maxUsers {
		t.Errorf("%d users are remembered, want at most %d", len(m.users), maxUsers)
	}
	c.add(3 * time.Hour)
	enter(t, m, c.after(time.Second))
	if len(m.users) != 1 || m.stored != 0 {
		t.Errorf("%d users and %d bytes of results are remembered after the window, want 1 and 0", len(m.users), m.stored)
	}
}

// resultBytes returns how many bytes of results a gate remembers.
func resultBytes(m *Memory) (n int) {
	for _, u := range m.users {
		n += len(u.result)
	}
	return n
}

func TestTheMemoryOfResultsIsBounded(t *testing.T) {
	c := newClock()
	m := newMemory(hour, c)
	out := refreshedWith(result.Answer{Status: 200, Refreshed: sourceNames(1000)})
	most := 0
	for i := range 1000 {
		out.UserID = fmt.Sprint(i)
		done(t, enterUser(t, m, out.UserID, c.after(time.Second)).Lease, out)
		if d := enterUser(t, m, out.UserID, c.after(time.Second)); d.Kind != refresh.Coalesced && m.stored > maxResults/2 {
			t.Fatalf("the newest result is forgotten: the decision is %+v", d)
		}
		if i%10 == 0 { // the end of its follow-up
			settle(t, m, out)
		}
		most = max(most, resultBytes(m))
	}
	if most > maxResults+maxStored {
		t.Errorf("up to %d bytes of results are remembered, want about %d", most, maxResults)
	}
	if most < maxResults/2 {
		t.Errorf("no more than %d bytes of results are remembered, want about %d", most, maxResults)
	}
	if n := resultBytes(m); m.stored != n {
		t.Errorf("%d bytes of results are counted as %d", n, m.stored)
	}
	if len(m.users) != 1000 {
		t.Errorf("with their results %d users are forgotten", 1000-len(m.users))
	}
	c.add(time.Hour + 2*time.Minute)
	enter(t, m, c.after(time.Second))
	if m.stored != 0 || resultBytes(m) != 0 {
		t.Errorf("after an hour %d bytes of results are remembered", m.stored)
	}
}

func TestAResultIsForgottenAfterAnHourAlsoIfTheWindowIsLonger(t *testing.T) {
	c := newClock()
	m := newMemory(Rules{Limit: 8, Window: 24 * time.Hour, Coalesce: time.Minute}, c)
	refreshed(t, m, c, success)
	c.add(time.Hour + time.Minute)
	enterUser(t, m, "another user", c.after(time.Second))
	if m.stored != 0 || len(m.users) != 2 {
		t.Errorf("%d users and %d bytes of results are remembered, want 2 and 0", len(m.users), m.stored)
	}
}
