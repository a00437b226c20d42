package observe_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// followUp is a refresh with one source still running after two looks.
func followUp() result.FollowUp {
	return result.FollowUp{
		UserID: user, ClientUserID: "app-user-7", Refreshed: []string{"a/b"}, InProgress: []string{"c/d"},
		TimeoutSeconds: 28, RequestedTimeoutSeconds: 30, UpstreamStatus: 202, Attempts: 2,
		StartedAt: time.Date(2026, 11, 23, 18, 12, 0, 0, time.UTC), Looks: 2,
	}
}

func TestALookIsLoggedAsACountOfTheSourcesThatAreStillRunning(t *testing.T) {
	got := line(t, func(o observe.Observer) { o.Looked(t.Context(), origin, followUp()) })
	want := map[string]any{
		"level": "INFO", "msg": "look", "trigger": "sqs", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "request_id": "request-1",
		"user_id": user, "looks": 2.0, "sources_in_progress": 1.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestTheEndOfAFollowUpIsLoggedWithItsResultsFields(t *testing.T) {
	got := line(t, func(o observe.Observer) { o.Settled(t.Context(), origin, completed()) })
	want := line(t, func(o observe.Observer) { o.Refreshed(t.Context(), origin, completed()) })
	want["msg"] = "settled"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestTheEndOfAFollowUpThatCouldNotBeStoredIsAWarning(t *testing.T) {
	out := completed()
	out.Degraded = errors.New("no table")
	got := line(t, func(o observe.Observer) { o.Settled(t.Context(), origin, out) })
	if got["level"] != "WARN" || got["quota_error"] != "no table" {
		t.Errorf("it is logged at %v with the quota's error %v", got["level"], got["quota_error"])
	}
}

func TestAResultThatIsFollowedUpIsNotFinal(t *testing.T) {
	out := completed()
	out.Final = false
	got := line(t, func(o observe.Observer) { o.Refreshed(t.Context(), origin, out) })
	if got["final"] != false {
		t.Errorf("final is %v, want false", got["final"])
	}
}
