package quota

import (
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
)

func TestOneRefreshPerUserIsInFlight(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		first := enter(t, gate, c.after(30*time.Second))
		want(t, enter(t, gate, c.after(30*time.Second)), refresh.InFlight)
		want(t, enterUser(t, gate, "another user", c.after(30*time.Second)), refresh.Granted)
		done(t, first.Lease, failure)
		if !refreshed(t, gate, c, failure) {
			t.Error("the lease did not end with Done")
		}
	})
}

func TestALeaseEndsByItselfIfItsInstanceDies(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		enter(t, gate, c.after(30*time.Second))
		c.add(30*time.Second - time.Millisecond)
		want(t, enter(t, gate, c.after(time.Second)), refresh.InFlight)
		c.add(time.Millisecond)
		want(t, enter(t, gate, c.after(30*time.Second)), refresh.Granted)
	})
}

func TestALostLeaseNeitherCallsNorEndsTheNextOne(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		slow := enter(t, gate, c.after(30*time.Second))
		c.add(30 * time.Second)
		want(t, enter(t, gate, c.after(30*time.Second)), refresh.Granted)
		if again(t, slow.Lease, c.after(time.Second)) {
			t.Error("a lost lease allows another call")
		}
		done(t, slow.Lease, success)
		want(t, enter(t, gate, c.after(time.Second)), refresh.InFlight)
	})
}

func TestEachAttemptExtendsTheLease(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, c.after(10*time.Second))
		c.add(5 * time.Second)
		if !again(t, d.Lease, c.after(10*time.Second)) {
			t.Fatal("the second attempt is not allowed")
		}
		c.add(9 * time.Second)
		want(t, enter(t, gate, c.after(time.Second)), refresh.InFlight)
		c.add(time.Second)
		want(t, enter(t, gate, c.after(time.Second)), refresh.Granted)
	})
}

func TestALeaseThatEndedIsExtendedIfNobodyTookTheUser(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, c.after(11*time.Second))
		c.add(15 * time.Second)
		if !again(t, d.Lease, c.after(10*time.Second)) {
			t.Error("the retry is not allowed")
		}
		want(t, enter(t, gate, c.after(time.Second)), refresh.InFlight)
	})
}
