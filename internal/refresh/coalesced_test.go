package refresh_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// storedInProgress is a stored result of another request that ended with a source still running, 3 s after it began.
func storedInProgress() result.Result {
	out := result.From(user, result.Answer{Status: 202, InProgress: []string{"withings/body"}})
	out.RequestID, out.ClientUserID, out.DurationMS = "of the first request", "the first request's", 3000
	return out
}

func TestACoalescedResultHasTheClientUserIDOfItsOwnRequest(t *testing.T) {
	for _, id := range []string{"app-user-42", ""} {
		r := usual()
		r.ClientUserID = id
		g := deciding(refresh.Decision{Kind: refresh.Coalesced, Result: storedInProgress()})
		got := refresh.New(newUpstream(), goodKey(), refresh.Options{Gate: g}).Refresh(t.Context(), r)
		if got.ClientUserID != id {
			t.Errorf("client_user_id is %q, want %q", got.ClientUserID, id)
		}
	}
}

func TestACoalescedResultIsOnlyFollowedUpIfItIsOfTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			requestID string
			followed  bool
		}{
			"an earlier try of the same request": {"r", true},
			"another request":                    {"of the first request", false},
			"nobody knows which":                 {"", false},
		} {
			stored := storedInProgress()
			stored.RequestID = c.requestID
			g := deciding(refresh.Decision{Kind: refresh.Coalesced, Result: stored})
			r := refresh.New(newUpstream(), goodKey(), refresh.Options{Gate: g, FollowUp: pauses})
			look := r.FirstLook(r.Refresh(t.Context(), usual()))
			if (look != nil) != c.followed {
				t.Errorf("%s: followed up %t, want %t", name, look != nil, c.followed)
			}
			if look == nil {
				continue
			}
			if want := stored.CompletedAt.Add(-3 * time.Second); !look.FollowUp.StartedAt.Equal(want) {
				t.Errorf("%s: the refresh began at %v, want %v", name, look.FollowUp.StartedAt, want)
			}
		}
	})
}

func TestARefreshInFlightIsNotFollowedUp(t *testing.T) {
	g := deciding(refresh.Decision{Kind: refresh.InFlight})
	r := refresh.New(newUpstream(), goodKey(), refresh.Options{Gate: g, FollowUp: pauses})
	if look := r.FirstLook(r.Refresh(t.Context(), usual())); look != nil {
		t.Errorf("it is followed up: %+v", look)
	}
}

func TestTheGateIsAskedForAResultOfTheRequestsMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		for _, age := range []*time.Duration{nil, new(time.Duration(0)), new(15 * time.Minute)} {
			r := usual()
			r.MaxAge = age
			refresh.New(newUpstream(succeed), goodKey(), refresh.Options{Gate: g}).Refresh(t.Context(), r)
		}
		if diff := cmp.Diff([]*time.Duration{nil, new(time.Duration(0)), new(15 * time.Minute)}, g.maxAges); diff != "" {
			t.Errorf("the gate is asked for other ages (-want +got):\n%s", diff)
		}
	})
}
