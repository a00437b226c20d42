package refresh_test

import (
	"testing"
	"testing/synctest"

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
