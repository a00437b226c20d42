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

var pauses = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}

// following returns the options of a refresher that follows up and explains.
func following(g *gate) refresh.Options {
	return refresh.Options{Gate: g, Headroom: 2 * time.Second, FollowUp: pauses, ExplainFailures: true}
}

// running is a refresh that began a minute ago and had two sources still running, after so many looks.
func running(looks int) result.FollowUp {
	return result.FollowUp{
		UserID: user, ClientUserID: "app-user-42", Refreshed: []string{"withings/body"}, InProgress: []string{"oura/sleep", "oura/vitals/heartrate"},
		TimeoutSeconds: 28, RequestedTimeoutSeconds: 30, UpstreamStatus: 202, Attempts: 2, StartedAt: time.Now().Add(-time.Minute), Looks: looks,
	}
}

// attempts returns attempts that were made now.
func attempts(each ...result.Attempt) func(context.Context) ([]result.Attempt, error) {
	return func(context.Context) ([]result.Attempt, error) {
		for i := range each {
			each[i].At = time.Now()
		}
		return each, nil
	}
}

func fails[T any](err error) func(context.Context) (T, error) {
	return func(context.Context) (none T, _ error) { return none, err }
}

var (
	sleepOK     = result.Attempt{Provider: "oura", Resource: "sleep", Success: true}
	sleepFailed = result.Attempt{Provider: "oura", Resource: "sleep"}
	heartrateOK = result.Attempt{Provider: "oura", Resource: "heartrate", Success: true}
)

// budget is that of a worker.
func budget() refresh.Budget { return request(90*time.Second, 0, 10).Budget }

// wantNext checks that another look follows.
func wantNext(t *testing.T, next *refresh.Look, looks int, after time.Duration, inProgress ...string) {
	t.Helper()
	if next == nil {
		t.Fatal("the follow-up has ended")
	}
	if next.FollowUp.Looks != looks || next.After != after {
		t.Errorf("after %d looks the next follows in %v, want %d and %v", next.FollowUp.Looks, next.After, looks, after)
	}
	if diff := cmp.Diff(inProgress, next.FollowUp.InProgress); diff != "" {
		t.Errorf("other sources are still running (-want +got):\n%s", diff)
	}
}

func TestOnlyARefreshWithRunningSourcesIsFollowedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			answer reply
			pauses []time.Duration
			want   bool
		}{
			"a 202 with a running source":   {answering(result.Answer{Status: 202, InProgress: []string{"a/b"}}), pauses, true},
			"a 202 that names none":         {answering(result.Answer{Status: 202}), pauses, false},
			"a completed refresh":           {succeed, pauses, false},
			"a failed refresh":              {fail(result.Fail(result.UserNotFound, "x")), pauses, false},
			"if following up is turned off": {answering(result.Answer{Status: 202, InProgress: []string{"a/b"}}), nil, false},
		} {
			r := refresh.New(newUpstream(c.answer), goodKey(), refresh.Options{FollowUp: c.pauses})
			look := r.FirstLook(r.Refresh(t.Context(), usual()))
			if (look != nil) != c.want {
				t.Errorf("%s: followed up %t, want %t", name, look != nil, c.want)
			}
			if look != nil && look.After != pauses[0] {
				t.Errorf("%s: the first look follows in %v, want %v", name, look.After, pauses[0])
			}
		}
	})
}

func TestAFollowUpCarriesTheRefreshSoFarAndItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(func(context.Context) (result.Answer, error) {
			time.Sleep(3 * time.Second)
			return result.Answer{Status: 202, Refreshed: []string{"a/b"}, InProgress: []string{"c/d"}, Failed: []string{"e/f"}}, nil
		})
		r, request, began := refresh.New(u, goodKey(), following(granting(0))), usual(), time.Now()
		request.ClientUserID = "app-user-42"
		u.connections = fails[[]result.Connection](unavailable)
		want := result.FollowUp{
			UserID: user, ClientUserID: "app-user-42", Refreshed: []string{"a/b"}, InProgress: []string{"c/d"}, Failed: []string{"e/f"},
			TimeoutSeconds: 10, RequestedTimeoutSeconds: 10, UpstreamStatus: 202, Attempts: 1, StartedAt: began.UTC().Round(0),
		}
		if diff := cmp.Diff(want, r.FirstLook(r.Refresh(t.Context(), request)).FollowUp); diff != "" {
			t.Errorf("it is another follow-up (-want +got):\n%s", diff)
		}
	})
}

func TestAFollowUpEndsWhenEverySourceHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUpstream(), granting(0)
		u.lastAttempts = attempts(sleepOK, heartrateOK)
		next, end := refresh.New(u, goodKey(), following(g)).Look(t.Context(), running(0), "r", budget())
		if next != nil {
			t.Fatalf("another look follows: %+v", next)
		}
		want := result.From(user, result.Answer{Status: 200, Refreshed: []string{"oura/sleep", "oura/vitals/heartrate", "withings/body"}})
		want.RequestID, want.ClientUserID, want.TimeoutSeconds, want.RequestedTimeoutSeconds = "r", "app-user-42", 28, 30
		want.UpstreamStatus, want.Attempts, want.DurationMS = 202, 2, 60_000 // the refresh's own
		if diff := cmp.Diff(want, end, cmpopts.IgnoreUnexported(result.Result{}), cmpopts.IgnoreFields(result.Result{}, "StartedAt")); diff != "" {
			t.Errorf("it is another result (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]result.Result{end}, g.settled, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
			t.Errorf("the gate is told another result (-want +got):\n%s", diff)
		}
	})
}

func TestALookCostsTheQuotaNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUpstream(), granting(0)
		u.lastAttempts = attempts(sleepFailed, heartrateOK)
		u.connections = fails[[]result.Connection](nil)
		refresh.New(u, goodKey(), following(g)).Look(t.Context(), running(0), "r", budget())
		u.wantCalls(t, 0)
		if len(g.leases) != 0 || len(g.done) != 0 {
			t.Errorf("the gate is asked for %d leases and told of %d results, want none", len(g.leases), len(g.done))
		}
	})
}

func TestAnotherLookFollowsWhileASourceIsRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUpstream(), granting(0)
		r := refresh.New(u, goodKey(), following(g))
		u.lastAttempts = attempts()
		next, _ := r.Look(t.Context(), running(0), "r", budget())
		wantNext(t, next, 1, time.Minute, "oura/sleep", "oura/vitals/heartrate")
		u.lastAttempts = attempts(sleepOK)
		next, _ = r.Look(t.Context(), next.FollowUp, "r", budget())
		wantNext(t, next, 2, 2*time.Minute, "oura/vitals/heartrate")
		if len(g.settled) != 0 {
			t.Errorf("the gate is told of %d ends", len(g.settled))
		}
		// The last look ends it, with what is known.
		next, end := r.Look(t.Context(), next.FollowUp, "r", budget())
		if next != nil || end.Status != result.InProgress || !end.Final {
			t.Errorf("the last look ends with %+v, then %+v", end, next)
		}
		if diff := cmp.Diff([]string{"oura/vitals/heartrate"}, end.InProgressSources); diff != "" {
			t.Errorf("other sources are still running (-want +got):\n%s", diff)
		}
		if len(g.settled) != 1 {
			t.Errorf("the gate is told of %d ends, want 1", len(g.settled))
		}
	})
}

func TestIfFollowingUpIsTurnedOffWhileOneIsQueuedItEndsWithItsNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.lastAttempts = attempts()
		next, end := refresh.New(u, goodKey(), options).Look(t.Context(), running(0), "r", budget())
		if next != nil || end.Status != result.InProgress {
			t.Errorf("it ends with %+v, then %+v", end, next)
		}
	})
}

func TestALookThatFailsIsALook(t *testing.T) {
	hangs := func(ctx context.Context) ([]result.Attempt, error) {
		_, err := hang(ctx)
		return nil, err
	}
	for name, c := range map[string]struct {
		lastAttempts func(context.Context) ([]result.Attempt, error)
		keys         *keys
		calls        int
		longest      time.Duration
	}{
		"Junction is unavailable":            {fails[[]result.Attempt](unavailable), goodKey(), 3, 2 * time.Second},
		"Junction does not answer":           {hangs, goodKey(), 3, 17 * time.Second},
		"Junction knows no such user":        {fails[[]result.Attempt](result.Fail(result.UserNotFound, "x")), goodKey(), 1, 0},
		"the key stays refused":              {fails[[]result.Attempt](unauthorized), &keys{key: "old", renewed: "old"}, 1, 0},
		"the key cannot be read":             {nil, &keys{keyErr: result.Fail(result.SecretUnavailable, "x")}, 0, 0},
		"the key is for another environment": {nil, &keys{key: unusable}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream()
				u.lastAttempts = c.lastAttempts
				r, began := refresh.New(u, c.keys, following(granting(0))), time.Now()
				next, _ := r.Look(t.Context(), running(0), "r", budget())
				wantNext(t, next, 1, time.Minute, "oura/sleep", "oura/vitals/heartrate")
				if u.looks != c.calls {
					t.Errorf("%d calls, want %d", u.looks, c.calls)
				}
				if took := time.Since(began); took > c.longest {
					t.Errorf("it takes %v, want at most %v", took, c.longest)
				}
			})
		})
	}
}

func TestALookIsCutOffBeforeTheInvocationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.lastAttempts = func(ctx context.Context) ([]result.Attempt, error) {
			_, err := hang(ctx)
			return nil, err
		}
		began := time.Now()
		next, _ := refresh.New(u, goodKey(), following(granting(0))).Look(t.Context(), running(0), "r", request(3*time.Second, 0, 10).Budget)
		wantNext(t, next, 1, time.Minute, "oura/sleep", "oura/vitals/heartrate")
		if took := time.Since(began); took != 2500*time.Millisecond {
			t.Errorf("it is cut off after %v, want 2.5 s", took)
		}
	})
}

func TestARotatedKeyFailsNoLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.lastAttempts = func(ctx context.Context) ([]result.Attempt, error) {
			if u.looks == 1 {
				return nil, unauthorized
			}
			return attempts(sleepFailed, heartrateOK)(ctx)
		}
		u.connections = fails[[]result.Connection](nil)
		_, end := refresh.New(u, &keys{key: "old", renewed: "new"}, following(granting(0))).Look(t.Context(), running(0), "r", budget())
		if end.Status != result.Partial {
			t.Errorf("the status is %s, want %s", end.Status, result.Partial)
		}
		if diff := cmp.Diff([]string{"old", "new", "new"}, u.keys); diff != "" {
			t.Errorf("other keys are used (-want +got):\n%s", diff)
		}
	})
}

func TestAnEndThatCannotBeStoredIsStillTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUpstream(), granting(0)
		u.lastAttempts = attempts(sleepOK, heartrateOK)
		g.settleErr = errTable
		_, end := refresh.New(u, goodKey(), following(g)).Look(t.Context(), running(0), "r", budget())
		if end.Status != result.Completed || !errors.Is(end.Degraded, errTable) {
			t.Errorf("it ends %s, degraded by %v", end.Status, end.Degraded)
		}
	})
}

func TestTheEndOfAFollowUpIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUpstream(), granting(0)
		u.lastAttempts = attempts(sleepFailed, heartrateOK)
		u.connections = ouraBroken
		_, end := refresh.New(u, goodKey(), following(g)).Look(t.Context(), running(0), "r", budget())
		wantExplained(t, end, map[string]string{"oura/sleep": "token_refresh_failed"})
		wantExplained(t, g.settled[0], map[string]string{"oura/sleep": "token_refresh_failed"})
		if end.Attempts != 2 {
			t.Errorf("%d attempts, want the refresh's 2", end.Attempts)
		}
	})
}
