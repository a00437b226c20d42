package contract

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestLastAttemptsAreReadAsDescribed(t *testing.T) {
	t.Parallel()
	long := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		user, prefer string
		want         []result.Attempt
		code         result.Code
	}{
		"sources that are running": {user: junctiontest.SlowUserID, prefer: "code=200, example=running", want: []result.Attempt{
			{Provider: "garmin", Resource: "activity", Success: true, At: long}, {Provider: "garmin", Resource: "sleep", Success: true, At: long},
		}},
		"sources that have ended": {user: junctiontest.SlowUserID, want: []result.Attempt{
			{Provider: "garmin", Resource: "activity", Success: true, At: after.Add(123456 * time.Microsecond)}, {Provider: "garmin", Resource: "sleep", At: after},
		}},
		"a user without sources":      {user: junctiontest.NoSourcesUserID},
		"an unknown user":             {user: junctiontest.UnknownUserID},
		"rows of another user":        {user: junctiontest.CompletedUserID, prefer: "code=200, example=ended"},
		"a key that is not accepted":  {user: junctiontest.SlowUserID, prefer: "code=401", code: result.UpstreamUnauthorized},
		"a request that is not valid": {user: junctiontest.SlowUserID, prefer: "code=422", code: result.UpstreamInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := harness.NewJunction(t, func(j *harness.Junction) { j.Prefer = c.prefer })
			got, err := junction.New(junction.Options{BaseURL: j.URL}).LastAttempts(t.Context(), sensitive.New(harness.TeamKey), c.user)
			if diff := cmp.Diff(c.want, got); diff != "" || codeOf(err) != c.code {
				t.Errorf("error %v, want %q; attempts (-want +got):\n%s", err, c.code, diff)
			}
			if want := []string{"GET /v2/introspect/resources?user_id=" + c.user}; !cmp.Equal(want, j.Requests()) {
				t.Errorf("sent %q, want %q", j.Requests(), want)
			}
		})
	}
}

func TestConnectionsAreReadAsDescribed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, prefer string
		want         []result.Connection
		code         result.Code
	}{
		"a connection":                {user: junctiontest.CompletedUserID, want: []result.Connection{{Provider: "fitbit"}}},
		"a provider in error":         {user: junctiontest.DefaultUserID, want: []result.Connection{{Provider: "withings"}, {Provider: "oura", Broken: true, Reason: "token_refresh_failed"}}},
		"a user without sources":      {user: junctiontest.NoSourcesUserID},
		"an unknown user":             {user: junctiontest.UnknownUserID, code: result.UserNotFound},
		"a key that is not accepted":  {user: junctiontest.CompletedUserID, prefer: "code=401", code: result.UpstreamUnauthorized},
		"a request that is not valid": {user: junctiontest.CompletedUserID, prefer: "code=422", code: result.UpstreamInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := harness.NewJunction(t, func(j *harness.Junction) { j.Prefer = c.prefer })
			got, err := junction.New(junction.Options{BaseURL: j.URL}).Connections(t.Context(), sensitive.New(harness.TeamKey), c.user)
			if diff := cmp.Diff(c.want, got); diff != "" || codeOf(err) != c.code {
				t.Errorf("error %v, want %q; connections (-want +got):\n%s", err, c.code, diff)
			}
			if want := []string{"GET /v2/user/providers/" + c.user}; !cmp.Equal(want, j.Requests()) {
				t.Errorf("sent %q, want %q", j.Requests(), want)
			}
		})
	}
}

// codeOf returns the code of a failure; "" if there is none.
func codeOf(err error) result.Code {
	if err == nil {
		return ""
	}
	return result.AsFailure(err).Code
}
