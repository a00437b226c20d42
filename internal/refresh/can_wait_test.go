package refresh_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

var errTable = errors.New("the table has not answered in time")

// refreshThatCanWait makes a refresh that can wait, as a queue message can.
func refreshThatCanWait(t *testing.T, g *gate, u *upstream) result.Result {
	t.Helper()
	r := usual()
	r.CanWait = true
	return refresh.New(u, goodKey(), refresh.Options{Gate: g, Headroom: 2 * time.Second}).Refresh(t.Context(), r)
}

func TestARefreshThatCanWaitIsNotMadeWithoutTheGate(t *testing.T) {
	unreachable := &gate{enterErr: errTable}
	late := granting(0)
	late.enterErr = errTable
	for name, g := range map[string]*gate{"the gate grants nothing": unreachable, "the gate may grant it later": late} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream()
			got := refreshThatCanWait(t, g, u)
			wantFailure(t, got, result.QuotaUnavailable, 0)
			u.wantCalls(t, 0)
			if !errors.Is(got.Failure(), errTable) {
				t.Errorf("the failure is for %v", got.Failure().Cause)
			}
			if got.Degraded != nil {
				t.Errorf("the refresh counts as made without the quota: %v", got.Degraded)
			}
			if g == late {
				g.wantCalls(t, refresh.NotSent)
			}
		})
	}
}

func TestIfTheGateIsLostBetweenTwoAttemptsTheLastFailureStandsForARefreshThatCanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(5)
		g.againErr = errTable
		wantFailure(t, refreshThatCanWait(t, g, newUpstream(fail(unavailable), succeed)), result.UpstreamUnavailable, 1)
		if len(g.done) != 1 {
			t.Errorf("the lease has been ended %d times", len(g.done))
		}
	})
}

func TestARefreshThatCanWaitIsRetriedIfAnotherIsInFlight(t *testing.T) {
	u := newUpstream()
	got := refreshThatCanWait(t, deciding(refresh.Decision{Kind: refresh.InFlight, RetryAfter: 9500 * time.Millisecond}), u)
	wantFailure(t, got, result.InFlight, 0)
	u.wantCalls(t, 0)
	if f := got.Failure(); f == nil || f.RetryAfter != 9500*time.Millisecond || !f.Retryable() {
		t.Errorf("the failure is %+v", f)
	}
}

func TestALeaseThatTheGateMayGrantLateIsEndedAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		g.enterErr = errTable
		got := refreshThrough(t, g, newUpstream(succeed), goodKey())
		wantSuccess(t, got, 1)
		if !errors.Is(got.Degraded, errTable) {
			t.Errorf("the quota's error is %v", got.Degraded)
		}
		if len(g.done) != 1 || !g.done[0].Success {
			t.Errorf("the gate is told %+v", g.done)
		}
		g.wantCalls(t, refresh.Sent)
	})
}
