package junctiontest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestRefresh(t *testing.T) {
	t.Run("the default user is refreshed but for one failed source", func(t *testing.T) {
		wantBody(t, refresh(junctiontest.New(), junctiontest.DefaultUserID, "?timeout=30"), 200,
			`{"success":true,"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537",`+
				`"refreshed_sources":["withings/body","withings/sleep","withings/vitals/blood_pressure"],`+
				`"in_progress_sources":[],"failed_sources":["oura/sleep"]}`)
	})
	t.Run("a user whose sources all succeed has no other list filled", func(t *testing.T) {
		w := refresh(junctiontest.New(), junctiontest.CompletedUserID, "")
		wantStatus(t, w, 200)
		if a := decode[junctiontest.RefreshAnswer](t, w.Body.Bytes()); len(a.RefreshedSources) != 2 ||
			len(a.InProgressSources)+len(a.FailedSources) != 0 {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("a user without sources is refused with 400", func(t *testing.T) {
		wantBody(t, refresh(junctiontest.New(), junctiontest.NoSourcesUserID, ""), 400,
			`{"success":false,"user_id":"`+junctiontest.NoSourcesUserID+
				`","error":"user has no connected sources","failed_sources":[]}`)
	})
	t.Run("an unknown user is 404", func(t *testing.T) {
		wantBody(t, refresh(junctiontest.New(), junctiontest.UnknownUserID, ""), 404, `{"detail":"User not found"}`)
	})
	t.Run("an ID in capitals or without hyphens is the same user", func(t *testing.T) {
		sim := junctiontest.New()
		for _, id := range []string{
			strings.ToUpper(junctiontest.DefaultUserID), strings.ReplaceAll(junctiontest.DefaultUserID, "-", ""),
		} {
			w := refresh(sim, id, "")
			wantStatus(t, w, 200)
			if got := decode[junctiontest.RefreshAnswer](t, w.Body.Bytes()).UserID; got != junctiontest.DefaultUserID {
				t.Errorf("user_id %q", got)
			}
		}
		if n := sim.Calls(junctiontest.DefaultUserID); n != 2 {
			t.Errorf("%d calls counted, want 2", n)
		}
	})
}

func TestRefreshParametersAreValidatedAsByFastAPI(t *testing.T) {
	const id = junctiontest.DefaultUserID
	cases := []struct{ name, id, query, loc, kind string }{
		{"no UUID", "not-a-uuid", "", "user_id", "uuid_parsing"},
		{"a UUID of the wrong length", id + "0", "", "user_id", "uuid_parsing"},
		{"a UUID with a stray letter", "g" + id[1:], "", "user_id", "uuid_parsing"},
		{"dots for an ID", "..", "", "user_id", "uuid_parsing"},
		{"a timeout that is text", id, "?timeout=soon", "timeout", "float_parsing"},
		{"an empty timeout", id, "?timeout=", "timeout", "float_parsing"},
		{"a hexadecimal timeout", id, "?timeout=0x1p4", "timeout", "float_parsing"},
		{"a timeout below 5", id, "?timeout=4.999", "timeout", "greater_than_equal"},
		{"a timeout above 60", id, "?timeout=60.001", "timeout", "less_than_equal"},
		{"a timeout that is not a number", id, "?timeout=NaN", "timeout", "greater_than_equal"},
		{"an infinite timeout", id, "?timeout=inf", "timeout", "less_than_equal"},
		{"a timeout beyond floating point", id, "?timeout=1e999", "timeout", "less_than_equal"},
		{"a bad timeout after a good one", id, "?timeout=10&timeout=1", "timeout", "greater_than_equal"},
	}
	for _, c := range cases {
		t.Run(c.name+" is 422", func(t *testing.T) {
			w := refresh(junctiontest.New(), c.id, c.query)
			wantStatus(t, w, 422)
			got := decode[struct {
				Detail []struct {
					Loc       []string
					Msg, Type string
				}
			}](t, w.Body.Bytes())
			if len(got.Detail) != 1 || got.Detail[0].Loc[1] != c.loc || got.Detail[0].Type != c.kind || got.Detail[0].Msg == "" {
				t.Errorf("got %s", w.Body)
			}
		})
	}
	t.Run("both faults are reported together", func(t *testing.T) {
		w := refresh(junctiontest.New(), "x", "?timeout=x")
		if n := len(decode[map[string][]any](t, w.Body.Bytes())["detail"]); n != 2 {
			t.Errorf("%d faults in %s", n, w.Body)
		}
	})
	t.Run("fractions and the limits themselves are fine", func(t *testing.T) {
		sim := junctiontest.New()
		for _, query := range []string{"?timeout=5", "?timeout=60", "?timeout=7.5", "?timeout=1e1", "?timeout=+10"} {
			wantStatus(t, refresh(sim, id, query), 200)
		}
	})
}

func TestRefreshWaitsAsJunctionDoes(t *testing.T) {
	cases := []struct {
		name, query string
		status      int
		waited      time.Duration
	}{
		{"a short timeout ends in 202", "?timeout=30", 202, 30 * time.Second},
		{"no timeout means ten seconds", "", 202, 10 * time.Second},
		{"a long timeout ends as soon as the sources are done", "?timeout=60", 200, 45 * time.Second},
		{"a timeout of just the time needed suffices", "?timeout=45", 200, 45 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := refresh(junctiontest.New(), junctiontest.SlowUserID, c.query)
				wantStatus(t, w, c.status)
				if waited := time.Since(start); waited != c.waited {
					t.Errorf("waited %v, want %v", waited, c.waited)
				}
				a := decode[junctiontest.RefreshAnswer](t, w.Body.Bytes())
				if pending := len(a.InProgressSources); (pending > 0) != (c.status == 202) {
					t.Errorf("got %+v", a)
				}
			})
		})
	}
	t.Run("a source that is done beside one that is not is refreshed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithUsers(junctiontest.User{
				ID: junctiontest.DefaultUserID, Sources: []junctiontest.Source{
					{Name: "a/x", Takes: time.Second}, {Name: "b/x", Takes: time.Minute},
					{Name: "c/x", Takes: 2 * time.Second, Fails: true}, {Name: "d/x", Takes: time.Hour, Fails: true},
				}}))
			wantBody(t, refresh(sim, junctiontest.DefaultUserID, ""), 202, `{"success":true,"user_id":"`+
				junctiontest.DefaultUserID+`","refreshed_sources":["a/x"],"in_progress_sources":["b/x","d/x"],"failed_sources":["c/x"]}`)
		})
	})
	t.Run("speed shortens the wait and not the outcome", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			wantStatus(t, refresh(junctiontest.New(junctiontest.WithSpeed(1000)), junctiontest.SlowUserID, "?timeout=30"), 202)
			if waited := time.Since(start); waited != 30*time.Millisecond {
				t.Errorf("waited %v", waited)
			}
			wantStatus(t, refresh(junctiontest.New(junctiontest.WithSpeed(0)), junctiontest.SlowUserID, "?timeout=5"), 202)
			if waited := time.Since(start); waited != 5030*time.Millisecond {
				t.Errorf("a speed of 0 waited until %v", waited)
			}
		})
	})
	t.Run("a client that leaves ends the wait and gets nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			w := do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))
			if waited := time.Since(start); waited != 3*time.Second || w.Body.Len() != 0 {
				t.Errorf("waited %v, body %q", waited, w.Body)
			}
			if status := sim.Requests()[0].Status; status != 0 {
				t.Errorf("status %d on record", status)
			}
		})
	})
}
