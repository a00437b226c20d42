package refresh_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// gate answers every refresh the same, and records what it was asked and told.
type gate struct {
	decision refresh.Decision
	err      error
	again    int // how many more calls the lease allows
	lost     error

	lostAgain error

	entered []time.Duration // how far away until was
	done    []result.Result
	calls   []refresh.Call
}

func (g *gate) Enter(_ context.Context, _ string, until time.Time) (refresh.Decision, error) {
	g.entered = append(g.entered, time.Until(until))
	return g.decision, g.err
}

func (g *gate) Again(_ context.Context, _ time.Time) (bool, error) {
	g.again--
	return g.again >= 0, g.lostAgain
}

func (g *gate) Done(_ context.Context, out result.Result, calls []refresh.Call) error {
	g.done, g.calls = append(g.done, out), calls
	return g.lost
}

// granting returns a gate that grants every refresh, with so many further calls.
func granting(again int) *gate {
	g := &gate{again: again}
	g.decision.Lease = g
	return g
}

func through(g *gate, u *upstream, k *keys, t *testing.T) result.Result {
	return refresh.New(u, k, refresh.Options{Gate: g, Headroom: 2 * time.Second}).Refresh(t.Context(), in(90*time.Second, 0, 10))
}

func TestAGrantedRefreshTellsTheGateWhatCameOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		got := through(g, &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}, &keys{key: "k"}, t)
		if !got.Success || got.Attempts != 1 || len(g.done) != 1 || g.done[0].UserID != user || g.done[0].RequestID != "r" || g.done[0].Attempts != 1 {
			t.Errorf("%+v, told %+v", got, g.done)
		}
		if g.entered[0] != 11500*time.Millisecond {
			t.Errorf("the lease is for %v, and the call is cut off after 11.5 s", g.entered[0])
		}
	})
}

func TestACoalescedRefreshIsTheStoredResultUnderThisRequestsID(t *testing.T) {
	stored := result.From(user, result.Answer{Status: 200, Refreshed: []string{"a/b"}})
	stored.RequestID, stored.Attempts, stored.TimeoutSeconds = "the first one's", 2, 30
	u := &upstream{}
	got := through(&gate{decision: refresh.Decision{Kind: refresh.Coalesced, Result: stored}}, u, &keys{key: "k"}, t)
	if !got.Coalesced || got.RequestID != "r" || got.Attempts != 2 || got.TimeoutSeconds != 30 || got.RefreshedSources[0] != "a/b" || len(u.timeouts) != 0 {
		t.Errorf("%+v", got)
	}
	if stored.Coalesced {
		t.Error("the stored result was changed")
	}
}

func TestARefreshInFlightIsInProgressWithoutACall(t *testing.T) {
	u := &upstream{}
	got := through(&gate{decision: refresh.Decision{Kind: refresh.InFlight}}, u, &keys{key: "k"}, t)
	if !got.Success || got.Status != result.InProgress || !got.Coalesced || len(got.Sources) != 0 || got.UpstreamStatus != 0 || got.Attempts != 0 || len(u.timeouts) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestADeniedRefreshIsRateLimitedUntilTheWindowOpens(t *testing.T) {
	u := &upstream{}
	got := through(&gate{decision: refresh.Decision{Kind: refresh.Denied, RetryAfter: 90 * time.Second}}, u, &keys{key: "k"}, t)
	if got.ErrorCode != result.RateLimited || got.RetryAfterSeconds != 90 || got.UpstreamStatus != 0 || got.Attempts != 0 || len(u.timeouts) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhereTheQuotaRunsOutBetweenTwoAttemptsTheLastFailureStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(1)
		got := through(g, &upstream{answers: []func(context.Context) (result.Answer, error){fail(unavailable)}}, &keys{key: "k"}, t)
		if got.ErrorCode != result.UpstreamUnavailable || got.Attempts != 2 || len(g.done) != 1 || g.done[0].ErrorCode != result.UpstreamUnavailable {
			t.Errorf("%+v", got)
		}
	})
}

func TestJunctionsRefusalOfTheKeyStandsIfTheQuotaAllowsNoCallWithTheNewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &result.Failure{Code: result.UpstreamUnauthorized, Message: "x", UpstreamStatus: 401}
		got := through(granting(0), &upstream{answers: []func(context.Context) (result.Answer, error){fail(refused)}}, &keys{key: "old", renewed: "new"}, t)
		if got.ErrorCode != result.UpstreamUnauthorized || got.UpstreamStatus != 401 || got.Attempts != 1 {
			t.Errorf("the code is %s with status %d after %d calls", got.ErrorCode, got.UpstreamStatus, got.Attempts)
		}
	})
}

func TestACallThatNeverLeftIsGivenBack(t *testing.T) {
	unsent := fail(&result.Failure{Code: result.UpstreamUnavailable, Message: "x", NotSent: true})
	synctest.Test(t, func(t *testing.T) {
		g := granting(2)
		got := through(g, &upstream{answers: []func(context.Context) (result.Answer, error){unsent, fail(unavailable), unsent}}, &keys{key: "k"}, t)
		if got.Attempts != 3 || !slices.Equal(g.calls, []refresh.Call{refresh.NotSent, refresh.Sent, refresh.NotSent}) {
			t.Errorf("the gate is told of the calls %v: %+v", g.calls, got)
		}
		g = granting(0)
		through(g, &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}, &keys{key: "k"}, t)
		if !slices.Equal(g.calls, []refresh.Call{refresh.Sent}) {
			t.Errorf("of a success the gate is told %v", g.calls)
		}
	})
}

func TestWithoutTimeForACallTheGateIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		u := &upstream{resolve: func(context.Context, string) (string, error) { time.Sleep(4 * time.Second); return user, nil }}
		request := in(90*time.Second, 10*time.Second, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		got := refresh.New(u, &keys{key: "k"}, refresh.Options{Gate: g, Headroom: 2 * time.Second}).Refresh(t.Context(), request)
		if got.ErrorCode != result.InsufficientTime || len(g.entered) != 0 {
			t.Errorf("%+v after %d questions", got, len(g.entered))
		}
	})
}

func TestAGateThatCannotBeAskedStopsNoRefresh(t *testing.T) {
	down := errors.New("no table")
	synctest.Test(t, func(t *testing.T) {
		got := through(&gate{err: down}, &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}, &keys{key: "k"}, t)
		if !got.Success || !errors.Is(got.Degraded, down) {
			t.Errorf("%+v", got)
		}
		g := granting(0)
		g.lost = down
		got = through(g, &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}, &keys{key: "k"}, t)
		if !got.Success || !errors.Is(got.Degraded, down) {
			t.Errorf("%+v", got)
		}
		g = granting(0)
		g.lostAgain = down
		got = through(g, &upstream{answers: []func(context.Context) (result.Answer, error){fail(unavailable), succeed}}, &keys{key: "k"}, t)
		if !got.Success || got.Attempts != 2 || !errors.Is(got.Degraded, down) {
			t.Errorf("%+v", got)
		}
	})
}

func TestAUserThatWasMadeAnewHasALeaseOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := fail(result.Fail(result.UserNotFound, "x"))
		u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed, gone, succeed}}
		id := user
		u.resolve = func(context.Context, string) (string, error) { return id, nil }
		g := granting(0)
		r := refresh.New(u, &keys{key: "k"}, refresh.Options{Gate: g})
		request := in(90*time.Second, 0, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		r.Refresh(t.Context(), request)
		id = other
		if got := r.Refresh(t.Context(), request); !got.Success || len(g.entered) != 3 || len(g.done) != 3 {
			t.Errorf("%+v after %d leases, %d ended", got, len(g.entered), len(g.done))
		}
	})
}
