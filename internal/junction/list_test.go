package junction_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const otherUser = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"

func TestAPageHasEachUserWithAConnectedSourceOnce(t *testing.T) {
	var sent string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Vital-Api-Key")
		answer(200, `{"users":[
			{"user_id":"`+strings.ToUpper(user)+`","client_user_id":"private","connected_sources":[{"provider":{"slug":"oura"}}]},
			{"user_id":"`+user+`","connected_sources":[{"provider":{"slug":"oura"}}]},
			{"user_id":"00000000-0000-4000-8000-000000000001","connected_sources":[]},
			{"user_id":"00000000-0000-4000-8000-000000000002","connected_sources":null},
			{"user_id":"`+otherUser+`"}],"total":7,"offset":2,"limit":5}`)(w, r)
	})
	page, err := c.List(t.Context(), sensitive.New(key), 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	// For the last two it is not known whether they have a source: a refresh finds out.
	want := result.Page{Total: 7, Users: []result.User{{ID: user, ClientUserID: "private"}, {ID: "00000000-0000-4000-8000-000000000002"}, {ID: otherUser}}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if want := "GET /v2/user?limit=5&offset=2 " + key; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}

func TestAUserOfAPageHasTheAppsIDIfItIsAString(t *testing.T) {
	for name, c := range map[string]struct{ json, want string }{
		"an app's ID":       {`"app-user-7"`, "app-user-7"},
		"none":              {`null`, ""},
		"empty":             {`""`, ""},
		"a number":          {`7`, ""},
		"a boolean":         {`true`, ""},
		"a list":            {`["app-user-7"]`, ""},
		"an object":         {`{"id":"app-user-7"}`, ""},
		"with the key":      {`"x ` + key + `"`, "x [redacted]"},
		"longer than an ID": {`"` + strings.Repeat("x", 2000) + `"`, strings.Repeat("x", 2000)}, // whoever writes it down decides
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"users":[{"user_id":"` + user + `","client_user_id":` + c.json + `},{"user_id":"` + otherUser + `","client_user_id":"app-user-8"}],"total":2}`
			page, err := serve(t, answer(200, body)).List(t.Context(), sensitive.New(key), 0, 2)
			if err != nil {
				t.Fatal(err)
			}
			want := []result.User{{ID: user, ClientUserID: c.want}, {ID: otherUser, ClientUserID: "app-user-8"}}
			if diff := cmp.Diff(want, page.Users); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPageThatIsNotAsDocumentedIsRejectedAsAWhole(t *testing.T) {
	for name, body := range map[string]string{
		"a user_id that is not a UUID":       `{"users":[{"user_id":"x"}],"total":1}`,
		"no total":                           `{"users":[]}`,
		"no users":                           `{"total":1}`,
		"users that are not a list":          `{"users":{},"total":1}`,
		"more users than Junction's maximum": `{"users":[` + strings.Repeat(`{"user_id":"`+user+`"},`, 500) + `{"user_id":"` + user + `"}],"total":1}`,
		"a negative total":                   `{"users":[],"total":-1}`,
		"HTML":                               `<html>`,
		"null":                               `null`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer(200, body)).List(t.Context(), sensitive.New(key), 0, 1)
			if f := result.AsFailure(err); f.Code != result.UpstreamInvalidResponse {
				t.Errorf("error %v, want %s", err, result.UpstreamInvalidResponse)
			}
		})
	}
}

func TestAListThatFailsHasItsCode(t *testing.T) {
	for status, code := range map[int]result.Code{401: result.UpstreamUnauthorized, 404: result.UpstreamRejected, 422: result.UpstreamInvalidRequest, 429: result.RateLimited, 503: result.UpstreamUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			_, err := serve(t, answer(status, `{}`)).List(t.Context(), sensitive.New(key), 0, 1)
			if f := result.AsFailure(err); f.Code != code || f.UpstreamStatus != status {
				t.Errorf("%+v, want %s with status %d", f, code, status)
			}
		})
	}
}

func TestAPageMayHaveUpTo8MiB(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		ok   bool
	}{"2 MiB": {2 << 20, true}, "8 MiB": {8 << 20, true}, "8 MiB and a byte": {8<<20 + 1, false}} {
		t.Run(name, func(t *testing.T) {
			head := `{"users":[{"user_id":"` + user + `"}],"total":1,"x":"`
			body := head + strings.Repeat("x", c.size-len(head)-2) + `"}`
			if _, err := serve(t, answer(200, body)).List(t.Context(), sensitive.New(key), 0, 1); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAllPagesOfTheSimulatorCanBeRead(t *testing.T) {
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
		for _, u := range page.Users {
			users[u.ID] = true
		}
	}
	if users[junctiontest.NoSourcesUserID] || !users[junctiontest.CompletedUserID] || len(users) < 1000 {
		t.Errorf("%d of %d users", len(users), total)
	}
}
