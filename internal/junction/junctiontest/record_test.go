package junctiontest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// wantCount fails the test unless a counter has the given value.
func wantCount(t *testing.T, name string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", name, got, want)
	}
}

func TestARequestIsRecordedAsItWasSent(t *testing.T) {
	sim := junctiontest.New()
	r := httptest.NewRequest(http.MethodGet, "http://junction.test/v2/user/resolve/a%2Fb?x=1", strings.NewReader("body"))
	r.Header.Set("x-vital-api-key", junctiontest.DefaultKey)
	r.Header.Add("Accept", "application/json")
	do(sim, r)

	want := []junctiontest.Request{{
		Method: "GET", Host: "junction.test",
		Path: "/v2/user/resolve/a/b", EscapedPath: "/v2/user/resolve/a%2Fb", RawQuery: "x=1",
		Header: junctiontest.Header{"X-Vital-Api-Key": {junctiontest.DefaultKey}, "Accept": {"application/json"}},
		Body:   "body",
		Status: 404,
	}}
	got := sim.Requests()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(junctiontest.Request{}, "At")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got[0].At.IsZero() {
		t.Error("the request has no time")
	}
	if accept := got[0].Header.Values("accept"); len(accept) != 1 {
		t.Errorf("Values returns %q", accept)
	}
}

func TestARefreshIsRecordedWithItsUser(t *testing.T) {
	sim := junctiontest.New()
	refresh(sim, strings.ToUpper(junctiontest.DefaultUserID), "")
	refresh(sim, "not-a-uuid", "")
	refresh(sim, "g"+junctiontest.DefaultUserID[1:], "")
	get(sim, "/v2/user/refresh/"+junctiontest.DefaultUserID)
	var got []string
	for _, r := range sim.Requests() {
		got = append(got, r.UserID)
	}
	if diff := cmp.Diff([]string{junctiontest.DefaultUserID, "", "", ""}, got); diff != "" {
		t.Errorf("user IDs (-want +got):\n%s", diff)
	}
}

func TestCallsCountsEachRefreshCallOfAUser(t *testing.T) {
	const id = junctiontest.DefaultUserID
	for name, c := range map[string]struct {
		call func(*junctiontest.Simulator)
		want int
	}{
		"a refresh":                         {func(sim *junctiontest.Simulator) { refresh(sim, id, "") }, 1},
		"a refresh with the ID in capitals": {func(sim *junctiontest.Simulator) { refresh(sim, strings.ToUpper(id), "") }, 1},
		"a refresh that meets a fault": {func(sim *junctiontest.Simulator) {
			sim.Inject(1, junctiontest.Status(503))
			refresh(sim, id, "")
		}, 1},
		"a refresh with an invalid timeout": {func(sim *junctiontest.Simulator) { refresh(sim, id, "?timeout=0") }, 1},
		"a refresh without a key": {func(sim *junctiontest.Simulator) {
			do(sim, httptest.NewRequest(http.MethodPost, "/v2/user/refresh/"+id, nil))
		}, 1},
		"another method":            {func(sim *junctiontest.Simulator) { get(sim, "/v2/user/refresh/"+id) }, 0},
		"a refresh of another user": {func(sim *junctiontest.Simulator) { refresh(sim, junctiontest.SlowUserID, "?timeout=0") }, 0},
		"an ID that is not a UUID":  {func(sim *junctiontest.Simulator) { refresh(sim, "x", "") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			sim := junctiontest.New()
			c.call(sim)
			wantCount(t, "calls", sim.Calls(id), c.want)
			wantCount(t, "total", sim.Total(), 1)
		})
	}
}

func TestOnlyTheNewestRequestsAreKeptButAllAreCounted(t *testing.T) {
	for limit, want := range map[int][]string{
		3:  {"offset=5", "offset=6", "offset=7"},
		0:  nil,
		-1: nil,
	} {
		t.Run(fmt.Sprintf("a limit of %d", limit), func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithRecordLimit(limit))
			for i := range 8 {
				get(sim, fmt.Sprintf("/v2/user?offset=%d", i))
			}
			var got []string
			for _, r := range sim.Requests() {
				got = append(got, r.RawQuery)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
			wantCount(t, "total", sim.Total(), 8)
		})
	}
}

func TestResetRemovesRequestsCountsAndFaultsButNotKeys(t *testing.T) {
	const id = junctiontest.DefaultUserID
	sim := junctiontest.New(junctiontest.WithKeys("k"))
	refresh(sim, id, "")
	sim.Inject(1, junctiontest.Status(503))
	sim.Reset()

	wantCount(t, "requests", len(sim.Requests()), 0)
	wantCount(t, "total", sim.Total(), 0)
	wantCount(t, "calls", sim.Calls(id), 0)
	wantCount(t, "peak", sim.PeakInFlight(), 0)
	wantStatus(t, refresh(sim, id, ""), 401) // not 503: the fault is gone; not 200: the key is still "k"
}

func TestAHandlerThatDoesNotAnswerIsRecordedAs200(t *testing.T) {
	sim := junctiontest.New()
	sim.Inject(1, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })
	})
	get(sim, "/v2/user")
	wantCount(t, "status", sim.Requests()[0].Status, 200)
}

func TestConcurrentRequestsAreAllRecordedWithTheirPeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithLimit(0, 0))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { refresh(sim, junctiontest.SlowUserID, "?timeout=5") })
		}
		synctest.Wait()
		got := sim.Requests()
		wantCount(t, "requests before the answers", len(got), 50)
		wantCount(t, "status before the answer", got[0].Status, 0)
		wg.Wait()
		wantCount(t, "calls", sim.Calls(junctiontest.SlowUserID), 50)
		wantCount(t, "peak", sim.PeakInFlight(), 50)
		wantCount(t, "status after the answer", sim.Requests()[49].Status, 202)
	})
}
