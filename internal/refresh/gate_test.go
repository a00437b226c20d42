package refresh_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// refreshThrough makes a refresh that asks a gate.
func refreshThrough(t *testing.T, g *gate, u *upstream, k *keys) result.Result {
	t.Helper()
	return refresh.New(u, k, refresh.Options{Gate: g, Headroom: 2 * time.Second}).Refresh(t.Context(), usual())
}

// deciding returns a gate that does not grant a refresh.
func deciding(d refresh.Decision) *gate { return &gate{decision: d} }

// wantCalls checks what the gate was told of the last lease's calls.
func (g *gate) wantCalls(t *testing.T, want ...refresh.Call) {
	t.Helper()
	if diff := cmp.Diff(want, g.calls); diff != "" {
		t.Errorf("the gate is told otherwise of the calls (-want +got):\n%s", diff)
	}
}

func TestTheGateIsToldTheResultOfAGrantedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		got := refreshThrough(t, g, newUpstream(succeed), goodKey())
		wantSuccess(t, got, 1)
		if diff := cmp.Diff([]result.Result{got}, g.done, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
			t.Errorf("the gate is told another result (-want +got):\n%s", diff)
		}
		g.wantCalls(t, refresh.Sent)
	})
}

func TestALeaseEndsWhenItsFirstCallIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		refreshThrough(t, g, newUpstream(succeed), goodKey())
		if diff := cmp.Diff([]time.Duration{11500 * time.Millisecond}, g.leases); diff != "" {
			t.Errorf("the gate is asked for other leases (-want +got):\n%s", diff)
		}
	})
}

func TestTheFirstCallEndsWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		g.enterTakes = time.Second
		began := time.Now()
		wantFailure(t, refreshThrough(t, g, newUpstream(hang), goodKey()), result.UpstreamTimeout, 1)
		if took := time.Since(began); took != g.leases[0] {
			t.Errorf("the call is cut off after %v, and the lease ends after %v", took, g.leases[0])
		}
	})
}

func TestACoalescedRefreshIsTheStoredResultUnderItsOwnRequestID(t *testing.T) {
	stored := result.From(user, result.Answer{Status: 200, Refreshed: []string{"a/b"}})
	stored.RequestID, stored.Attempts, stored.TimeoutSeconds = "of the first request", 2, 30
	want := stored
	want.RequestID, want.Coalesced, want.AgeSeconds = "r", true, new(90)
	u := newUpstream()
	got := refreshThrough(t, deciding(refresh.Decision{Kind: refresh.Coalesced, Result: stored, Age: 90900 * time.Millisecond}), u, goodKey())
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
		t.Errorf("it is another result (-want +got):\n%s", diff)
	}
	u.wantCalls(t, 0)
	if stored.Coalesced {
		t.Error("the stored result was changed")
	}
}

func TestARefreshInFlightIsInProgressWithoutACall(t *testing.T) {
	u := newUpstream()
	got := refreshThrough(t, deciding(refresh.Decision{Kind: refresh.InFlight}), u, goodKey())
	wantSuccess(t, got, 0)
	u.wantCalls(t, 0)
	if got.Status != result.InProgress {
		t.Errorf("the status is %s, want %s", got.Status, result.InProgress)
	}
	if !got.Coalesced {
		t.Error("it is not coalesced")
	}
	if len(got.Sources) != 0 {
		t.Errorf("it has the sources %v", got.Sources)
	}
	if got.UpstreamStatus != 0 {
		t.Errorf("upstream_status is %d, want 0", got.UpstreamStatus)
	}
}

func TestADeniedRefreshIsRateLimitedUntilTheWindowOpens(t *testing.T) {
	u := newUpstream()
	got := refreshThrough(t, deciding(refresh.Decision{Kind: refresh.Denied, RetryAfter: 90 * time.Second}), u, goodKey())
	wantFailure(t, got, result.RateLimited, 0)
	u.wantCalls(t, 0)
	if got.RetryAfterSeconds != 90 {
		t.Errorf("retry_after_seconds is %d, want 90", got.RetryAfterSeconds)
	}
	if got.UpstreamStatus != 0 {
		t.Errorf("upstream_status is %d, want 0", got.UpstreamStatus)
	}
}

func TestIfTheQuotaRunsOutBetweenTwoAttemptsTheLastFailureStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(1)
		got := refreshThrough(t, g, newUpstream(fail(unavailable)), goodKey())
		wantFailure(t, got, result.UpstreamUnavailable, 2)
		if len(g.done) != 1 {
			t.Fatalf("the gate is told of %d results, want 1", len(g.done))
		}
		if code := g.done[0].ErrorCode; code != result.UpstreamUnavailable {
			t.Errorf("the gate is told of %s, want %s", code, result.UpstreamUnavailable)
		}
	})
}

func TestIfTheQuotaRunsOutBeforeTheCallWithANewKeyJunctionsRefusalStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &result.Failure{Code: result.UpstreamUnauthorized, Message: "x", UpstreamStatus: 401}
		got := refreshThrough(t, granting(0), newUpstream(fail(refused)), &keys{key: "old", renewed: "new"})
		wantFailure(t, got, result.UpstreamUnauthorized, 1)
		if got.UpstreamStatus != 401 {
			t.Errorf("the status is %d", got.UpstreamStatus)
		}
	})
}

func TestTheGateIsToldWhichCallsWereSent(t *testing.T) {
	notSent := fail(&result.Failure{Code: result.UpstreamUnavailable, Message: "x", NotSent: true})
	synctest.Test(t, func(t *testing.T) {
		g := granting(2)
		got := refreshThrough(t, g, newUpstream([]reply{notSent, fail(unavailable), notSent}...), goodKey())
		wantFailure(t, got, result.UpstreamUnavailable, 3)
		g.wantCalls(t, refresh.NotSent, refresh.Sent, refresh.NotSent)
	})
}

func TestWithoutTimeForACallTheGateIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, u := granting(0), newUpstream()
		u.resolve = func(context.Context, string) (string, error) { time.Sleep(4 * time.Second); return user, nil }
		request := request(90*time.Second, 10*time.Second, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		got := refresh.New(u, goodKey(), refresh.Options{Gate: g, Headroom: 2 * time.Second}).Refresh(t.Context(), request)
		wantFailure(t, got, result.InsufficientTime, 0)
		if len(g.leases) != 0 {
			t.Errorf("the gate is asked %d times", len(g.leases))
		}
	})
}

func TestAGateThatCannotBeReachedStopsNoRefresh(t *testing.T) {
	down := errors.New("no table")
	for name, c := range map[string]struct {
		fail     func(*gate)
		replies  []reply
		attempts int
	}{
		"at the first call":  {func(g *gate) { g.decision, g.enterErr = refresh.Decision{}, down }, []reply{succeed}, 1},
		"at the second call": {func(g *gate) { g.againErr = down }, []reply{fail(unavailable), succeed}, 2},
		"at the end":         {func(g *gate) { g.doneErr = down }, []reply{succeed}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := granting(0)
				c.fail(g)
				got := refreshThrough(t, g, newUpstream(c.replies...), goodKey())
				wantSuccess(t, got, c.attempts)
				if !errors.Is(got.Degraded, down) {
					t.Errorf("the result is degraded by %v, want %v", got.Degraded, down)
				}
			})
		})
	}
}

func TestAUserThatIsResolvedAgainHasALeaseOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := fail(result.Fail(result.UserNotFound, "x"))
		u, id, g := newUpstream([]reply{succeed, gone, succeed}...), user, granting(0)
		u.resolve = resolveTo(&id)
		r := refresh.New(u, goodKey(), refresh.Options{Gate: g})
		r.Refresh(t.Context(), ofClientUser())
		id = otherUser
		if got := r.Refresh(t.Context(), ofClientUser()); !got.Success {
			t.Errorf("it failed: %s: %s", got.ErrorCode, got.Error)
		}
		if len(g.leases) != 3 {
			t.Errorf("%d leases, want 3", len(g.leases))
		}
		if len(g.done) != 3 {
			t.Errorf("%d leases were ended, want 3", len(g.done))
		}
	})
}
