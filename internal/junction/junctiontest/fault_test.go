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

func TestFaultsThatReplaceTheAnswer(t *testing.T) {
	type want struct {
		status int
		header string // one header of the answer, "Name: value"
		body   string // a part of the body
	}
	cases := map[string]struct {
		fault junctiontest.Fault
		want
	}{
		"a status has a detail, as in FastAPI":   {junctiontest.Status(503), want{503, "Content-Type: application/json", `{"detail":"Service Unavailable"}`}},
		"a 429 has seconds, rounded up":          {junctiontest.TooManyRequests(1500 * time.Millisecond), want{429, "Retry-After: 2", "Too Many"}},
		"a 429 can ask for an immediate retry":   {junctiontest.TooManyRequests(0), want{429, "Retry-After: 0", "Too Many"}},
		"a 429 can be without Retry-After":       {junctiontest.TooManyRequests(-1), want{429, "Retry-After: ", "Too Many"}},
		"an HTML page is like a load balancer's": {junctiontest.HTML(502), want{502, "Content-Type: text/html", "<h1>502 Bad Gateway</h1>"}},
		"a redirect has the other URL":           {junctiontest.Redirect(307, "https://elsewhere.test/"), want{307, "Location: https://elsewhere.test/", ""}},
		"an empty body has the type of JSON":     {junctiontest.EmptyBody(200), want{200, "Content-Type: application/json", ""}},
		"an answer can be anything":              {junctiontest.Answer(418, http.Header{"x-odd": {"1"}}, "teapot"), want{418, "X-Odd: 1", "teapot"}},
		"an answer can be a documented shape": {junctiontest.JSON(400, junctiontest.RefreshError{Error: "<no>"}),
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
			if !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("body %s, want it to contain %s", w.Body, c.body)
			}
			wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 200)
		})
	}
	t.Run("a 429 can have a date, relative to the time of the answer", func(t *testing.T) {
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
	t.Run("a fault does not count against the rate limit", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithLimit(1, time.Hour))
		sim.Inject(3, junctiontest.Status(500))
		for range 3 {
			wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 500)
		}
		wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 200)
	})
}

func TestFaultsThatChangeTheAnswer(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
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
	t.Run("a handler that only writes has answered 200", func(t *testing.T) {
		sim := junctiontest.New()
		terse := func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
		}
		sim.Inject(1, junctiontest.Chain(junctiontest.NullLists(), terse))
		wantBody(t, refresh(sim, junctiontest.CompletedUserID, ""), 200, "{}")
	})
	t.Run("a client that disconnects during the wait gets no answer", func(t *testing.T) {
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
