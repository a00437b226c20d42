package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestARotatedKeyFailsNoRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keys{key: "old", renewed: "new"}
		u := newUpstream(fail(unauthorized), succeed)
		got := refresh.New(u, k, refresh.Options{MaxAttempts: 1}).Refresh(t.Context(), usual())
		wantSuccess(t, got, 2)
		if diff := cmp.Diff([]string{"old", "new"}, u.keys); diff != "" {
			t.Errorf("other keys are used (-want +got):\n%s", diff)
		}
		if k.renewals != 1 {
			t.Errorf("the key is read again %d times, want once", k.renewals)
		}
	})
}

func TestAKeyThatStaysRefusedIsNotRetried(t *testing.T) {
	for name, c := range map[string]struct {
		keys     *keys
		attempts int
	}{
		"the same key":               {&keys{key: "old", renewed: "old"}, 1},
		"a new key, refused as well": {&keys{key: "old", renewed: "new"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := refresh.New(newUpstream(fail(unauthorized)), c.keys, options).Refresh(t.Context(), usual())
				wantFailure(t, got, result.UpstreamUnauthorized, c.attempts)
				if c.keys.renewals != 1 {
					t.Errorf("the key is read again %d times, want once", c.keys.renewals)
				}
			})
		})
	}
}

// The refusal of the old key is final, and a queue message or a delivery would not be tried again.
func TestIfTheNewKeyCannotBeTriedTheRefreshCanBeRetried(t *testing.T) {
	lost := granting(1)
	lost.againErr = errTable
	for name, c := range map[string]struct {
		gate         *gate
		refusedAfter time.Duration
		code         result.Code
	}{
		"the gate is lost":        {lost, 0, result.QuotaUnavailable},
		"too little time is left": {granting(1), 84 * time.Second, result.InsufficientTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := func(context.Context) (result.Answer, error) {
					time.Sleep(c.refusedAfter)
					return result.Answer{}, unauthorized
				}
				r := usual()
				r.CanWait = true
				u := newUpstream(refused, succeed)
				got := refresh.New(u, &keys{key: "old", renewed: "new"}, refresh.Options{Gate: c.gate, Headroom: 2 * time.Second}).Refresh(t.Context(), r)
				wantFailure(t, got, c.code, 1)
				if f := got.Failure(); f == nil || !f.Retryable() {
					t.Errorf("the failure is %+v, want one that can be retried", f)
				}
				c.gate.wantCalls(t, refresh.Sent)
			})
		})
	}
}

func TestAnUnusableKeyMakesNoCall(t *testing.T) {
	down := result.Fail(result.SecretUnavailable, "x")
	for name, c := range map[string]struct {
		keys  *keys
		code  result.Code
		calls int
	}{
		"for another environment":          {&keys{key: unusable}, result.Misconfigured, 0},
		"renewed, for another environment": {&keys{key: "old", renewed: unusable}, result.Misconfigured, 1},
		"that cannot be read":              {&keys{keyErr: down}, result.SecretUnavailable, 0},
		"that cannot be read again":        {&keys{key: "old", renewErr: down}, result.SecretUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(fail(unauthorized))
				got := refresh.New(u, c.keys, options).Refresh(t.Context(), usual())
				wantFailure(t, got, c.code, c.calls)
				u.wantCalls(t, c.calls)
			})
		})
	}
}

func TestAKeyThatCannotBeUsedIsNotSentAtTheEndEither(t *testing.T) {
	for name, k := range map[string]*keys{"it cannot be read": {keyErr: result.Fail(result.SecretUnavailable, "x")}, "it is for another environment": {key: unusable}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, f := newUpstream(), running(len(pauses)-1)
				u.connections = fails[[]result.Connection](nil)
				f.Failed = []string{"garmin/sleep"}
				next, end := refresh.New(u, k, following(granting(0))).Look(t.Context(), f, "r", budget())
				if next != nil || end.Status != result.InProgress {
					t.Errorf("it ends with %+v, then %+v", end, next)
				}
				if len(u.keys) != 0 {
					t.Errorf("the keys %q are sent", u.keys)
				}
			})
		})
	}
}
