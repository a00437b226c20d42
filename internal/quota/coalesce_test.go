package quota

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestASuccessIsCoalescedForOneMinute(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, success)
		c.add(time.Minute - time.Millisecond)
		d := enter(t, gate, c.after(time.Minute))
		want(t, d, refresh.Coalesced)
		if diff := cmp.Diff(success, d.Result, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
			t.Errorf("another result is stored (-want +got):\n%s", diff)
		}
		c.add(time.Millisecond)
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestAFailureIsNotCoalesced(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, failure)
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestWithoutACoalesceWindowASuccessIsNotStored(t *testing.T) {
	stores(t, Rules{Limit: 8, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, success)
		want(t, enter(t, gate, c.after(time.Minute)), refresh.Granted)
	})
}

func TestALateResultIsStoredForAMinuteFromItsEnd(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, c.after(time.Second))
		c.add(2 * time.Hour)
		done(t, d.Lease, success)
		want(t, enter(t, gate, c.after(time.Second)), refresh.Coalesced)
	})
}
