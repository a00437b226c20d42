package junctiontest_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

type userJSON struct {
	UserID           string       `json:"user_id"`
	ClientUserID     string       `json:"client_user_id"`
	TeamID           string       `json:"team_id"`
	CreatedOn        string       `json:"created_on"`
	ConnectedSources []sourceJSON `json:"connected_sources"`
}

type sourceJSON struct{ Provider providerJSON }

type providerJSON struct{ Slug, Name, Logo string }

type pageJSON struct {
	Users                []userJSON
	Total, Offset, Limit int
}

func page(t *testing.T, h http.Handler, query string) pageJSON {
	t.Helper()
	w := get(h, "/v2/user"+query)
	wantStatus(t, w, 200)
	return decode[pageJSON](t, w.Body.Bytes())
}

func TestListing(t *testing.T) {
	t.Run("the default users have one connected source per provider", func(t *testing.T) {
		p := page(t, junctiontest.New(), "")
		if p.Total != 5 || p.Offset != 0 || p.Limit != 100 || len(p.Users) != 5 {
			t.Fatalf("got %+v", p)
		}
		want := userJSON{
			UserID: junctiontest.DefaultUserID, ClientUserID: junctiontest.DefaultClientUserID,
			TeamID: junctiontest.TeamID, CreatedOn: "2026-01-01T00:00:00+00:00",
			ConnectedSources: []sourceJSON{
				{providerJSON{Slug: "withings", Name: "Withings", Logo: "https://logos.example.com/withings.png"}},
				{providerJSON{Slug: "oura", Name: "Oura", Logo: "https://logos.example.com/oura.png"}},
			},
		}
		if diff := cmp.Diff(want, p.Users[0]); diff != "" {
			t.Errorf("first user (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]sourceJSON{}, p.Users[3].ConnectedSources); diff != "" {
			t.Errorf("sources of a user without sources (-want +got):\n%s", diff)
		}
	})
	t.Run("a hundred thousand generated users have different IDs", func(t *testing.T) {
		seen := make(map[string]bool)
		for i := range 100_000 {
			seen[junctiontest.GeneratedUserID(i)] = true
		}
		if len(seen) != 100_000 {
			t.Errorf("%d different IDs", len(seen))
		}
	})
	t.Run("all of a hundred thousand generated users are on the pages", func(t *testing.T) {
		const n = 100_000
		sim := junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(n))
		for _, offset := range []int{0, 500, 70_000, n - 500} {
			p := page(t, sim, "?limit=500&offset="+strconv.Itoa(offset))
			if len(p.Users) != 500 || p.Total != n || p.Offset != offset || p.Limit != 500 {
				t.Fatalf("%d users at %d of %d", len(p.Users), p.Offset, p.Total)
			}
			for i, u := range p.Users {
				if u.UserID != junctiontest.GeneratedUserID(offset+i) || (len(u.ConnectedSources) == 0) != (i%10 == 9) {
					t.Fatalf("user %d is %+v", offset+i, u)
				}
			}
		}
	})
	t.Run("a page beyond the end is empty", func(t *testing.T) {
		for _, query := range []string{"?offset=5", "?offset=1000000", "?limit=0"} {
			if p := page(t, junctiontest.New(), query); p.Users == nil || len(p.Users) != 0 || p.Total != 5 {
				t.Errorf("%s: got %+v", query, p)
			}
		}
	})
	t.Run("without users there is an empty page", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithUsers(), junctiontest.WithRepeatedUsers(3))
		if p := page(t, sim, ""); p.Total != 0 || len(p.Users) != 0 {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("repeated users are on a second page as well", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithRepeatedUsers(1))
		first, last := page(t, sim, "?limit=3"), page(t, sim, "?limit=3&offset=3")
		if last.Total != 6 || len(last.Users) != 3 || last.Users[2].UserID != first.Users[0].UserID {
			t.Errorf("got %+v", last)
		}
	})
	for query, kind := range map[string]string{
		"?limit=501": "less_than_equal", "?limit=x": "int_parsing", "?limit=": "int_parsing", "?limit=-1": "greater_than_equal",
		"?offset=-1": "greater_than_equal", "?offset=1.5": "int_parsing", "?offset=99999999999999999999": "int_parsing",
	} {
		t.Run(query+" is 422", func(t *testing.T) {
			w := get(junctiontest.New(), "/v2/user"+query)
			wantStatus(t, w, 422)
			if got := decode[map[string][]map[string]any](t, w.Body.Bytes())["detail"]; len(got) != 1 || got[0]["type"] != kind {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	unusual := []string{"a/b", "user@example.com", "50% off", "ünï", "..", "a+b c", "?#"}
	sim := junctiontest.New(junctiontest.WithGeneratedUsers(10))
	for i, id := range unusual {
		sim.AddUser(junctiontest.User{ID: junctiontest.GeneratedUserID(1000 + i), ClientUserID: id})
	}
	for _, id := range append(unusual, junctiontest.SlowClientUserID, junctiontest.GeneratedClientUserID(9)) {
		t.Run("escaped "+id, func(t *testing.T) {
			w := get(sim, "/v2/user/resolve/"+url.PathEscape(id))
			wantStatus(t, w, 200)
			if got := decode[userJSON](t, w.Body.Bytes()); got.ClientUserID != id {
				t.Errorf("got %+v", got)
			}
		})
	}
	for _, id := range []string{"nobody", "generated-user-10", "generated-user-01", "generated-user-x", "generated-user--1", "a/b"} {
		t.Run("unknown "+id, func(t *testing.T) {
			wantStatus(t, get(sim, "/v2/user/resolve/"+id), 404)
		})
	}
}

func TestUsers(t *testing.T) {
	id := junctiontest.UnknownUserID
	t.Run("a user can be added and replaced while running", func(t *testing.T) {
		sim := junctiontest.New()
		sim.AddUser(junctiontest.User{ID: id, ClientUserID: "before"})
		wantStatus(t, refresh(sim, id, ""), 400)
		sim.AddUser(junctiontest.User{ID: id, ClientUserID: "after", CreatedOn: time.Unix(0, 0),
			Sources: []junctiontest.Source{{Name: "oura/sleep"}, {Name: ""}}})
		wantStatus(t, refresh(sim, id, ""), 200)
		wantStatus(t, get(sim, "/v2/user/resolve/before"), 404)
		w := get(sim, "/v2/user/resolve/after")
		if got := decode[userJSON](t, w.Body.Bytes()); got.CreatedOn != "1970-01-01T00:00:00+00:00" || len(got.ConnectedSources) != 2 {
			t.Errorf("got %s", w.Body)
		}
		if p := page(t, sim, ""); p.Total != 6 {
			t.Errorf("%d users", p.Total)
		}
	})
	for name, u := range map[string]junctiontest.User{
		"an ID that is not a UUID":         {ID: "x"},
		"a client_user_id of another user": {ID: id, ClientUserID: junctiontest.DefaultClientUserID},
	} {
		t.Run(name+" is a panic", func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			junctiontest.New().AddUser(u)
		})
	}
	t.Run("generated users can be refreshed, with the outcome of their index", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithGeneratedUsers(20))
		wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(0), ""), 200)
		wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(19), ""), 400)
		wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(20), ""), 404)
		a := decode[junctiontest.RefreshAnswer](t, refresh(sim, junctiontest.GeneratedUserID(14), "").Body.Bytes())
		if len(a.FailedSources) != 1 {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("generated users can have other sources", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithGeneratedUsers(20), junctiontest.WithGeneratedSources(
			func(i int) []junctiontest.Source { return []junctiontest.Source{{Name: "x/" + strconv.Itoa(i)}} }))
		a := decode[junctiontest.RefreshAnswer](t, refresh(sim, junctiontest.GeneratedUserID(19), "").Body.Bytes())
		if len(a.RefreshedSources) != 1 || a.RefreshedSources[0] != "x/19" {
			t.Errorf("got %+v", a)
		}
	})
}
