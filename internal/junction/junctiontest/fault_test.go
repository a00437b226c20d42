package junctiontest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestFaultsThatAnswerInstead(t *testing.T) {
	type want struct {
		status       int
		header, text string // a header "Name: value", and what the body contains
	}
	cases := map[string]struct {
		fault junctiontest.Fault
		want
	}{
		"a status is FastAPI's detail":            {junctiontest.Status(503), want{503, "Content-Type: application/json", `{"detail":"Service Unavailable"}`}},
		"a 429 counts seconds, rounded up":        {junctiontest.TooManyRequests(1500 * time.Millisecond), want{429, "Retry-After: 2", "Too Many"}},
		"a 429 can say to come back at once":      {junctiontest.TooManyRequests(0), want{429, "Retry-After: 0", "Too Many"}},
		"a 429 need not say when":                 {junctiontest.TooManyRequests(-1), want{429, "Retry-After: ", "Too Many"}},
		"an HTML page comes from a load balancer": {junctiontest.HTML(502), want{502, "Content-Type: text/html", "<h1>502 Bad Gateway</h1>"}},
		"a redirect names the other URL":          {junctiontest.Redirect(307, "https://elsewhere.test/"), want{307, "Location: https://elsewhere.test/", ""}},
		"an empty body promises JSON":             {junctiontest.EmptyBody(200), want{200, "Content-Type: application/json", ""}},
		"any answer at all can be given":          {junctiontest.Answer(418, http.Header{"x-odd": {"1"}}, "teapot"), want{418, "X-Odd: 1", "teapot"}},
		"a documented shape can be given": {junctiontest.JSON(400, junctiontest.RefreshError{Error: "<no>"}),
			want{400, "Content-Type: application/json", `"error":"<no>"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(1, c.fault)
			w := refresh(sim, junctiontest.DefaultUserID, "")
			wantStatus(t, w, c.status)
			header, value, _ := strings.Cut(c.header, ": ")
			if got := w.Header().Get(header); got != value {
				t.Errorf("%s: %q, want %q", header, got, value)
			}
			if !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("body %s", w.Body)
			}
			wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 200)
		})
	}
	t.Run("a 429 can name a date, reckoned when it answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(1, junctiontest.Chain(junctiontest.Latency(time.Second), junctiontest.TooManyRequestsUntil(time.Minute)))
			w := refresh(sim, junctiontest.DefaultUserID, "")
			wantStatus(t, w, 429)
			if got := w.Header().Get("Retry-After"); got != "Sat, 01 Jan 2000 00:01:01 GMT" {
				t.Errorf("Retry-After: %s", got)
			}
		})
	})
	t.Run("such a fault does not use up the user's rate", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithLimit(1, time.Hour))
		sim.Inject(3, junctiontest.Status(500))
		for range 3 {
			wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 500)
		}
		wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 200)
	})
}

func TestFaultsThatSpoilTheAnswer(t *testing.T) {
	const ids = `"user_id":"` + junctiontest.CompletedUserID + `"`
	cases := map[string]struct {
		fault junctiontest.Fault
		body  string
	}{
		"another user's ID": {junctiontest.AnotherUser(junctiontest.SlowUserID),
			`{"failed_sources":[],"in_progress_sources":[],"refreshed_sources":["fitbit/activity","fitbit/sleep"],"success":true,"user_id":"` + junctiontest.SlowUserID + `"}`},
		"null lists": {junctiontest.NullLists(),
			`{"failed_sources":null,"in_progress_sources":null,"refreshed_sources":null,"success":true,` + ids + `}`},
		"wrong types": {junctiontest.WrongTypes(),
			`{"failed_sources":"yes","in_progress_sources":"yes","refreshed_sources":"yes","success":"yes","user_id":42}`},
		"one field missing": {junctiontest.Rewrite(func(a map[string]any) { delete(a, "refreshed_sources") }),
			`{"failed_sources":[],"in_progress_sources":[],"success":true,` + ids + `}`},
		"several at once": {junctiontest.Chain(junctiontest.NullLists(), junctiontest.Rewrite(func(a map[string]any) { a["success"] = false })),
			`{"failed_sources":null,"in_progress_sources":null,"refreshed_sources":null,"success":false,` + ids + `}`},
	}
	for name, c := range cases {
		t.Run(name+" stands in the faithful answer", func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(1, c.fault)
			wantBody(t, refresh(sim, junctiontest.CompletedUserID, ""), 200, c.body)
		})
	}
	t.Run("what is not JSON is edited as an empty object", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(1, junctiontest.Chain(junctiontest.AnotherUser("x"), junctiontest.EmptyBody(200)))
		wantBody(t, refresh(sim, junctiontest.CompletedUserID, ""), 200, `{"user_id":"x"}`)
	})
	t.Run("a handler that only writes is taken for 200", func(t *testing.T) {
		sim := junctiontest.New()
		terse := func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
		}
		sim.Inject(1, junctiontest.Chain(junctiontest.NullLists(), terse))
		wantBody(t, refresh(sim, junctiontest.CompletedUserID, ""), 200, "{}")
	})
	t.Run("a client that leaves during the faithful wait gets nothing spoilt either", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(1, junctiontest.NullLists())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			w := do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))
			if w.Body.Len() != 0 || sim.Requests()[0].Status != 0 {
				t.Errorf("got %s", w.Body)
			}
		})
	})
}
