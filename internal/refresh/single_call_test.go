package refresh_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestACallerThatRetriesByItselfGetsOneCall(t *testing.T) {
	for name, f := range map[string]*result.Failure{"unavailable": unavailable, "rate limited": result.Fail(result.RateLimited, "x")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, r := newUpstream(fail(f), succeed), usual()
				r.SingleCall = true
				wantFailure(t, refresh.New(u, goodKey(), options).Refresh(t.Context(), r), f.Code, 1)
				u.wantCalls(t, 1)
			})
		})
	}
}

func TestACallerThatRetriesByItselfGetsTheCallAfterARotatedKeyToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := granting(5), usual()
		r.SingleCall = true
		u := newUpstream(fail(unauthorized), fail(unavailable), succeed)
		got := refresh.New(u, &keys{key: "old", renewed: "new"}, refresh.Options{Gate: g}).Refresh(t.Context(), r)
		wantFailure(t, got, result.UpstreamUnavailable, 2)
		if diff := cmp.Diff([]string{"old", "new"}, u.keys); diff != "" {
			t.Errorf("other keys are used (-want +got):\n%s", diff)
		}
		g.wantCalls(t, refresh.Sent, refresh.Sent)
	})
}
