package junctiontest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// wantAnswer fails the test unless a refresh was answered with the given status and body.
func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, want junctiontest.RefreshAnswer) {
	t.Helper()
	wantStatus(t, w, status)
	if diff := cmp.Diff(want, decode[junctiontest.RefreshAnswer](t, w.Body.Bytes())); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestTheDefaultUserHasOneFailedSource(t *testing.T) {
	wantBody(t, refresh(junctiontest.New(), junctiontest.DefaultUserID, "?timeout=30"), 200,
		`{"success":true,"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537",`+
			`"refreshed_sources":["withings/body","withings/sleep","withings/vitals/blood_pressure"],`+
			`"in_progress_sources":[],"failed_sources":["oura/sleep"]}`)
}

func TestAllSourcesOfTheCompletedUserAreRefreshed(t *testing.T) {
	wantAnswer(t, refresh(junctiontest.New(), junctiontest.CompletedUserID, ""), 200, junctiontest.RefreshAnswer{
		Success: true, UserID: junctiontest.CompletedUserID, RefreshedSources: []string{"fitbit/activity", "fitbit/sleep"},
		InProgressSources: []string{}, FailedSources: []string{},
	})
}

func TestAUserWithoutSourcesIs400(t *testing.T) {
	wantBody(t, refresh(junctiontest.New(), junctiontest.NoSourcesUserID, ""), 400,
		`{"success":false,"user_id":"`+junctiontest.NoSourcesUserID+`","error":"user has no connected sources","failed_sources":[]}`)
}

func TestAnUnknownUserIs404(t *testing.T) {
	wantBody(t, refresh(junctiontest.New(), junctiontest.UnknownUserID, ""), 404, `{"detail":"User not found"}`)
}

func TestAUserIDIsFoundInAnyForm(t *testing.T) {
	for name, id := range map[string]string{
		"in capitals":     strings.ToUpper(junctiontest.DefaultUserID),
		"without hyphens": strings.ReplaceAll(junctiontest.DefaultUserID, "-", ""),
	} {
		t.Run(name, func(t *testing.T) {
			sim := junctiontest.New()
			w := refresh(sim, id, "")
			wantStatus(t, w, 200)
			if got := decode[junctiontest.RefreshAnswer](t, w.Body.Bytes()).UserID; got != junctiontest.DefaultUserID {
				t.Errorf("user_id %q, want %q", got, junctiontest.DefaultUserID)
			}
			wantCount(t, "calls", sim.Calls(junctiontest.DefaultUserID), 1)
		})
	}
}

func TestInvalidParametersAreReportedAsByFastAPI(t *testing.T) {
	const id = junctiontest.DefaultUserID
	type fault struct {
		Loc  []string
		Type string
	}
	invalidID := fault{[]string{"path", "user_id"}, "uuid_parsing"}
	invalidTimeout := func(kind string) fault { return fault{[]string{"query", "timeout"}, kind} }

	for name, c := range map[string]struct {
		id, query string
		faults    []fault
	}{
		"an ID that is not a UUID":             {"not-a-uuid", "", []fault{invalidID}},
		"an ID that is too long":               {id + "0", "", []fault{invalidID}},
		"an ID with a letter beyond f":         {"g" + id[1:], "", []fault{invalidID}},
		"dots for an ID":                       {"..", "", []fault{invalidID}},
		"a timeout that is a word":             {id, "?timeout=soon", []fault{invalidTimeout("float_parsing")}},
		"an empty timeout":                     {id, "?timeout=", []fault{invalidTimeout("float_parsing")}},
		"a hexadecimal timeout":                {id, "?timeout=0x1p4", []fault{invalidTimeout("float_parsing")}},
		"a timeout below 5":                    {id, "?timeout=4.999", []fault{invalidTimeout("greater_than_equal")}},
		"a timeout above 60":                   {id, "?timeout=60.001", []fault{invalidTimeout("less_than_equal")}},
		"a timeout that is not a number":       {id, "?timeout=NaN", []fault{invalidTimeout("greater_than_equal")}},
		"an infinite timeout":                  {id, "?timeout=inf", []fault{invalidTimeout("less_than_equal")}},
		"a timeout that overflows":             {id, "?timeout=1e999", []fault{invalidTimeout("less_than_equal")}},
		"an invalid timeout after a valid one": {id, "?timeout=10&timeout=1", []fault{invalidTimeout("greater_than_equal")}},
		"an invalid ID and an invalid timeout": {"x", "?timeout=x", []fault{invalidID, invalidTimeout("float_parsing")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := refresh(junctiontest.New(), c.id, c.query)
			wantStatus(t, w, 422)
			if diff := cmp.Diff(c.faults, decode[struct{ Detail []fault }](t, w.Body.Bytes()).Detail); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidTimeouts(t *testing.T) {
	for _, timeout := range []string{"5", "60", "7.5", "1e1", "+10"} {
		t.Run(timeout, func(t *testing.T) {
			wantStatus(t, refresh(junctiontest.New(), junctiontest.DefaultUserID, "?timeout="+timeout), 200)
		})
	}
}

func TestARefreshWaitsForItsSources(t *testing.T) {
	sources := []string{"garmin/activity", "garmin/sleep"} // they take 45 s
	answer := func(refreshed, inProgress []string) junctiontest.RefreshAnswer {
		return junctiontest.RefreshAnswer{
			Success: true, UserID: junctiontest.SlowUserID,
			RefreshedSources: refreshed, InProgressSources: inProgress, FailedSources: []string{},
		}
	}
	done, inProgress := answer(sources, []string{}), answer([]string{}, sources)
	for name, c := range map[string]struct {
		speed  float64
		query  string
		status int
		answer junctiontest.RefreshAnswer
		waited time.Duration
	}{
		"up to the timeout":                       {1, "?timeout=30", 202, inProgress, 30 * time.Second},
		"up to ten seconds without a timeout":     {1, "", 202, inProgress, 10 * time.Second},
		"until they are done":                     {1, "?timeout=60", 200, done, 45 * time.Second},
		"until they are done just at the timeout": {1, "?timeout=45", 200, done, 45 * time.Second},
		"for a shorter time with a higher speed":  {1000, "?timeout=30", 202, inProgress, 30 * time.Millisecond},
		"for the same time with a speed of 0":     {0, "?timeout=5", 202, inProgress, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := refresh(junctiontest.New(junctiontest.WithSpeed(c.speed)), junctiontest.SlowUserID, c.query)
				if waited := time.Since(start); waited != c.waited {
					t.Errorf("waited %v, want %v", waited, c.waited)
				}
				wantAnswer(t, w, c.status, c.answer)
			})
		})
	}
}

func TestEachSourceIsInTheListOfItsOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithUsers(junctiontest.User{ID: junctiontest.DefaultUserID, Sources: []junctiontest.Source{
			{Name: "a/x", Takes: time.Second},
			{Name: "b/x", Takes: time.Minute},
			{Name: "c/x", Takes: 2 * time.Second, Fails: true},
			{Name: "d/x", Takes: time.Hour, Fails: true},
		}}))
		wantAnswer(t, refresh(sim, junctiontest.DefaultUserID, ""), 202, junctiontest.RefreshAnswer{
			Success: true, UserID: junctiontest.DefaultUserID,
			RefreshedSources: []string{"a/x"}, InProgressSources: []string{"b/x", "d/x"}, FailedSources: []string{"c/x"},
		})
	})
}

func TestAClientThatDisconnectsEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := junctiontest.New()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		w := do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))
		if waited := time.Since(start); waited != 3*time.Second || w.Body.Len() != 0 {
			t.Errorf("waited %v, want 3s; body %q, want none", waited, w.Body)
		}
		wantCount(t, "recorded status", sim.Requests()[0].Status, 0)
	})
}
