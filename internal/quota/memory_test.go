package quota

import (
	"fmt"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
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
	if len(m.users) != 1 {
		t.Errorf("%d users are remembered after the window, want 1", len(m.users))
	}
}
