package junction_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const otherUser = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"

func TestAPageHasTheUsersWithAConnectedSourceEachOnce(t *testing.T) {
	var asked string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Vital-Api-Key")
		answer(200, `{"users":[
			{"user_id":"`+strings.ToUpper(user)+`","client_user_id":"private","connected_sources":[{"provider":{"slug":"oura"}}]},
			{"user_id":"`+user+`","connected_sources":[{"provider":{"slug":"oura"}}]},
			{"user_id":"00000000-0000-4000-8000-000000000001","connected_sources":[]},
			{"user_id":"00000000-0000-4000-8000-000000000002","connected_sources":null},
			{"user_id":"`+otherUser+`"}],"total":7,"offset":2,"limit":5}`)(w, r)
	})
	page, err := c.List(t.Context(), sensitive.New(key), 2, 5)
	// Of the last two nobody says that they have no source: a refresh finds out.
	want := []string{user, "00000000-0000-4000-8000-000000000002", otherUser}
	if err != nil || page.Total != 7 || !slices.Equal(page.UserIDs, want) {
		t.Errorf("%+v %v", page, err)
	}
	if asked != "GET /v2/user?limit=5&offset=2 "+key {
		t.Error(asked)
	}
}

func TestAPageThatIsNotDocumentedIsRefusedWhole(t *testing.T) {
	for body, status := range map[string]int{
		`{"users":[{"user_id":"x"}],"total":1}`: 200, `{"users":[]}`: 200, `{"total":1}`: 200, `{"users":[],"total":-1}`: 200, `{"users":[],"total":1000000001}`: 200, `<html>`: 200, `null`: 200,
		`{"users":{},"total":1}`: 200,
	} {
		_, err := serve(t, answer(status, body)).List(t.Context(), sensitive.New(key), 0, 1)
		if f := result.AsFailure(err); f.Code != result.UpstreamInvalidResponse {
			t.Errorf("%s: %v", body, err)
		}
	}
	for status, code := range map[int]result.Code{401: result.UpstreamUnauthorized, 404: result.UpstreamRejected, 422: result.UpstreamInvalidRequest, 429: result.RateLimited, 503: result.UpstreamUnavailable} {
		_, err := serve(t, answer(status, `{}`)).List(t.Context(), sensitive.New(key), 0, 1)
		if f := result.AsFailure(err); f.Code != code || f.UpstreamStatus != status {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAPageMayBeLargerThanOtherAnswersAndNotUnbounded(t *testing.T) {
	for size, ok := range map[int]bool{2 << 20: true, 8<<20 + 1: false} {
		head := `{"users":[{"user_id":"` + user + `"}],"total":1,"x":"`
		body := head + strings.Repeat("x", size-len(head)-2) + `"}`
		if _, err := serve(t, answer(200, body)).List(t.Context(), sensitive.New(key), 0, 1); (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestTheSimulatorsListIsReadWhole(t *testing.T) {
	server := httptest.NewServer(junctiontest.New(junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithGeneratedUsers(1200)))
	t.Cleanup(server.Close)
	c := junction.New(junction.Options{BaseURL: server.URL})
	users := map[string]bool{}
	total := 1
	for offset := 0; offset < total; offset += 500 {
		page, err := c.List(t.Context(), sensitive.New(junctiontest.DefaultKey), offset, 500)
		if err != nil {
			t.Fatal(err)
		}
		total = page.Total
		for _, id := range page.UserIDs {
			users[id] = true
		}
	}
	if users[junctiontest.NoSourcesUserID] || !users[junctiontest.CompletedUserID] || len(users) < 1000 {
		t.Errorf("%d of %d users", len(users), total)
	}
}
