package junctiontest_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const introspection = "/v2/introspect/resources?user_id="

// attempts returns the last attempts of a user by "provider/resource", as "success 1m0s": how long ago.
func attempts(t *testing.T, h http.Handler, userID string, now time.Time) map[string]string {
	t.Helper()
	w := get(h, introspection+userID)
	wantStatus(t, w, 200)
	body := decode[struct {
		Data []struct {
			UserID   string `json:"user_id"`
			Provider map[string]map[string]struct {
				LastAttempt struct {
					Status    string
					Timestamp time.Time
				} `json:"last_attempt"`
			}
		}
	}](t, w.Body.Bytes())
	all := map[string]string{}
	for _, row := range body.Data {
		if row.UserID != userID {
			t.Errorf("a row of the user %s", row.UserID)
		}
		for provider, resources := range row.Provider {
			for resource, statistics := range resources {
				last := statistics.LastAttempt
				all[provider+"/"+resource] = fmt.Sprint(last.Status, " ", now.Sub(last.Timestamp))
			}
		}
	}
	return all
}

func wantAttempts(t *testing.T, sim http.Handler, userID string, now time.Time, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, attempts(t, sim, userID, now)); diff != "" {
		t.Errorf("last attempts (-want +got):\n%s", diff)
	}
}

func TestAnIntrospectionIsAnsweredAsDocumented(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 13, 0, 500_000_000, time.UTC)
	sim := junctiontest.New(junctiontest.WithClock(func() time.Time { return now }))
	refresh(sim, junctiontest.CompletedUserID, "")
	row := `{"last_attempt":{"timestamp":"2026-11-23T18:13:00.5+00:00","status":"success"},` +
		`"oldest_data":"2026-01-01T00:00:00+00:00","newest_data":"2026-11-23T00:00:00+00:00","sent_count":1}`
	wantBody(t, get(sim, introspection+strings.ToUpper(junctiontest.CompletedUserID)), 200,
		`{"data":[{"provider":{"fitbit":{"activity":`+row+`,"sleep":`+row+`}},"user_id":"`+junctiontest.CompletedUserID+`"}],"next":null,"next_cursor":null}`)
}

func TestAUserWithoutResourcesIsNotInTheIntrospection(t *testing.T) {
	for name, id := range map[string]string{"no sources": junctiontest.NoSourcesUserID, "an unknown user": junctiontest.UnknownUserID} {
		t.Run(name, func(t *testing.T) {
			wantBody(t, get(junctiontest.New(), introspection+id), 200, `{"data":[],"next":null,"next_cursor":null}`)
		})
	}
}

func TestAnIntrospectionNeedsAUserID(t *testing.T) {
	for query, kind := range map[string]string{"": "missing", "?user_id=": "uuid_parsing", "?user_id=x": "uuid_parsing"} {
		t.Run(query, func(t *testing.T) {
			w := get(junctiontest.New(), "/v2/introspect/resources"+query)
			wantStatus(t, w, 422)
			if !strings.Contains(w.Body.String(), `"type":"`+kind+`"`) || !strings.Contains(w.Body.String(), `"loc":["query","user_id"]`) {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

func TestTheLastAttemptChangesWhenTheSourceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = junctiontest.DefaultUserID
		sim := junctiontest.New(junctiontest.WithUsers(junctiontest.User{ID: id, Sources: []junctiontest.Source{
			{Name: "a/vitals/x"},
			{Name: "a/y", Takes: 5 * time.Second, Fails: true},
			{Name: "b/x", Takes: time.Minute},
			{Name: "c", Takes: 20 * time.Minute, Fails: true},
			{Name: "d/x", Takes: junctiontest.Never},
		}}))
		wantStatus(t, refresh(sim, id, ""), 202) // takes 10 s
		wantAttempts(t, sim, id, time.Now(), map[string]string{
			"a/x": "success 10s", "a/y": "failure 5s", "b/x": "success 1h0m10s", "c/": "success 1h0m10s", "d/x": "success 1h0m10s",
		})
		time.Sleep(50 * time.Second)
		wantAttempts(t, sim, id, time.Now(), map[string]string{
			"a/x": "success 1m0s", "a/y": "failure 55s", "b/x": "success 0s", "c/": "success 1h1m0s", "d/x": "success 1h1m0s",
		})
		time.Sleep(19 * time.Minute)
		wantAttempts(t, sim, id, time.Now(), map[string]string{
			"a/x": "success 20m0s", "a/y": "failure 19m55s", "b/x": "success 19m0s", "c/": "failure 0s", "d/x": "success 1h20m0s",
		})
	})
}

func TestEachRefreshHasItsOwnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = junctiontest.SlowUserID // 45 s
		sim := junctiontest.New()
		refresh(sim, id, "?timeout=5")
		refresh(sim, id, "?timeout=5")
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 1h0m10s", "garmin/sleep": "success 1h0m10s"})
		time.Sleep(35 * time.Second)
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 0s", "garmin/sleep": "success 0s"})
		time.Sleep(4 * time.Second)
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 4s", "garmin/sleep": "success 4s"})
		time.Sleep(2 * time.Second)
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 1s", "garmin/sleep": "success 1s"})
		refresh(sim, id, "?timeout=5")
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 6s", "garmin/sleep": "success 6s"})
		sim.Reset()
		wantAttempts(t, sim, id, time.Now(), map[string]string{"garmin/activity": "success 1h0m0s", "garmin/sleep": "success 1h0m0s"})
	})
}

func TestARefreshGoesOnAfterTheClientHasDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := junctiontest.New()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))
		time.Sleep(44 * time.Second)
		wantAttempts(t, sim, junctiontest.SlowUserID, time.Now(), map[string]string{"garmin/activity": "success 0s", "garmin/sleep": "success 0s"})
	})
}

func TestACallThatIsRejectedRefreshesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = junctiontest.CompletedUserID
		for name, reject := range map[string]func(*junctiontest.Simulator){
			"a fault":            func(sim *junctiontest.Simulator) { sim.Inject(1, junctiontest.Status(503)); refresh(sim, id, "") },
			"an invalid timeout": func(sim *junctiontest.Simulator) { refresh(sim, id, "?timeout=1") },
			"the limit":          func(sim *junctiontest.Simulator) { refresh(sim, id, ""); time.Sleep(time.Second); refresh(sim, id, "") },
		} {
			sim := junctiontest.New(junctiontest.WithLimit(1, time.Hour))
			get(sim, introspection+id)
			reject(sim)
			if got := attempts(t, sim, id, time.Now())["fitbit/sleep"]; got == "success 0s" {
				t.Errorf("%s: the source was refreshed", name)
			}
		}
	})
}

func TestASpeedShortensTheTimeOfASourceBeyondTheCallToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithSpeed(10))
		wantStatus(t, refresh(sim, junctiontest.SlowUserID, "?timeout=5"), 202)
		time.Sleep(4 * time.Second)
		wantAttempts(t, sim, junctiontest.SlowUserID, time.Now(), map[string]string{"garmin/activity": "success 0s", "garmin/sleep": "success 0s"})
	})
}

func TestAClockOfTheTestsOwnMovesSourcesAndTheLimit(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)
	const users = 1000
	sim := junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(users),
		junctiontest.WithGeneratedSources(func(i int) []junctiontest.Source {
			return []junctiontest.Source{{Name: "garmin/sleep", Takes: 11*time.Second + time.Duration(i)*time.Second, Fails: i%2 == 1}}
		}),
		junctiontest.WithLimit(1, time.Hour),
		junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithClock(func() time.Time { return now }))
	for i := range users {
		wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(i), ""), 202)
	}
	now = now.Add(11*time.Second + 500*time.Second)
	for i := range users {
		want := "success 1h8m31s"
		if i <= 500 {
			want = fmt.Sprint([]string{"success ", "failure "}[i%2], time.Duration(500-i)*time.Second)
		}
		wantAttempts(t, sim, junctiontest.GeneratedUserID(i), now, map[string]string{"garmin/sleep": want})
	}
	wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(0), ""), 429)
	now = now.Add(time.Hour)
	wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(0), ""), 202)
}

func TestAUserCanBeReplacedWhileARefreshIsInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = junctiontest.ReconnectUserID
		sim := junctiontest.New()
		refresh(sim, id, "")
		wantAttempts(t, sim, id, time.Now(), map[string]string{"withings/body": "success 0s", "oura/sleep": "failure 0s"})
		sim.AddUser(junctiontest.User{ID: id, Sources: []junctiontest.Source{{Name: "oura/sleep"}, {Name: "fitbit/sleep"}}})
		wantAttempts(t, sim, id, time.Now(), map[string]string{"oura/sleep": "failure 0s", "fitbit/sleep": "success 1h0m0s"})
		time.Sleep(time.Second)
		refresh(sim, id, "")
		wantAttempts(t, sim, id, time.Now(), map[string]string{"oura/sleep": "success 0s", "fitbit/sleep": "success 0s"})
	})
}
