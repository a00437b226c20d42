package junctiontest_test

import (
	"net/http"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestConnectionsAreAnsweredAsDocumented(t *testing.T) {
	wantBody(t, get(junctiontest.New(), "/v2/user/providers/"+junctiontest.ReconnectUserID), 200,
		`{"providers":[`+
			`{"name":"Withings","slug":"withings","logo":"https://logos.example.com/withings.png","status":"connected",`+
			`"created_on":"2026-01-01T00:00:00+00:00","external_user_id":"person@example.com","error_details":null,`+
			`"resource_availability":{"body":{"status":"available","scope_requirements":null}}},`+
			`{"name":"Oura","slug":"oura","logo":"https://logos.example.com/oura.png","status":"error",`+
			`"created_on":"2026-01-01T00:00:00+00:00","external_user_id":"person@example.com",`+
			`"error_details":{"error_type":"token_refresh_failed","error_message":"person@example.com has to connect Oura again","errored_at":"2026-01-02T00:00:00+00:00"},`+
			`"resource_availability":{"sleep":{"status":"available","scope_requirements":null}}}]}`)
}

func TestAProviderWithSeveralResourcesIsOneConnection(t *testing.T) {
	got := decode[struct {
		Providers []struct {
			Slug         string
			Availability map[string]any `json:"resource_availability"`
		}
	}](t, get(junctiontest.New(), "/v2/user/providers/"+junctiontest.DefaultUserID).Body.Bytes()).Providers
	if len(got) != 2 || got[0].Slug != "withings" || len(got[0].Availability) != 3 || got[1].Slug != "oura" {
		t.Errorf("got %+v", got)
	}
}

func TestAUserWithoutSourcesHasNoConnections(t *testing.T) {
	wantBody(t, get(junctiontest.New(), "/v2/user/providers/"+junctiontest.NoSourcesUserID), 200, `{"providers":[]}`)
}

func TestConnectionsOfAnUnknownUserAre404(t *testing.T) {
	wantBody(t, get(junctiontest.New(), "/v2/user/providers/"+junctiontest.UnknownUserID), 404, `{"detail":"User not found"}`)
}

func TestConnectionsOfAnInvalidUserIDAre422(t *testing.T) {
	wantBody(t, get(junctiontest.New(), "/v2/user/providers/x"), 422,
		`{"detail":[{"loc":["path","user_id"],"msg":"Input should be a valid UUID","type":"uuid_parsing"}]}`)
}

func TestTheSourcesOfABrokenProviderFail(t *testing.T) {
	wantBody(t, refresh(junctiontest.New(), junctiontest.ReconnectUserID, ""), 200,
		`{"success":true,"user_id":"`+junctiontest.ReconnectUserID+`","refreshed_sources":["withings/body"],"in_progress_sources":[],"failed_sources":["oura/sleep"]}`)
}

func TestAChangeOfTheCallersMapDoesNotBreakAProvider(t *testing.T) {
	broken := map[string]string{}
	sim := junctiontest.New(junctiontest.WithUsers(junctiontest.User{
		ID: junctiontest.DefaultUserID, Sources: []junctiontest.Source{{Name: "oura/sleep"}}, Broken: broken,
	}))
	broken["oura"] = "unknown"
	a := decode[junctiontest.RefreshAnswer](t, refresh(sim, junctiontest.DefaultUserID, "").Body.Bytes())
	if len(a.FailedSources) != 0 {
		t.Errorf("got %+v", a)
	}
}

// everyCall is one request for each call.
var everyCall = map[junctiontest.Call]*struct{ method, target string }{
	junctiontest.RefreshCall:     {http.MethodPost, "/v2/user/refresh/" + junctiontest.DefaultUserID},
	junctiontest.ResolveCall:     {http.MethodGet, "/v2/user/resolve/" + junctiontest.DefaultClientUserID},
	junctiontest.ListCall:        {http.MethodGet, "/v2/user"},
	junctiontest.IntrospectCall:  {http.MethodGet, introspection + junctiontest.DefaultUserID},
	junctiontest.ConnectionsCall: {http.MethodGet, "/v2/user/providers/" + junctiontest.DefaultUserID},
}

func TestAFaultHitsEveryCallOrOnlyThoseItIsFor(t *testing.T) {
	fault := junctiontest.Status(503)
	looks := []junctiontest.Call{junctiontest.IntrospectCall, junctiontest.ConnectionsCall}
	for name, c := range map[string]struct {
		inject func(*junctiontest.Simulator)
		hit    []junctiontest.Call
	}{
		"a fault for all": {
			func(sim *junctiontest.Simulator) { sim.Inject(junctiontest.Always, fault) },
			[]junctiontest.Call{junctiontest.RefreshCall, junctiontest.ResolveCall, junctiontest.ListCall, junctiontest.IntrospectCall, junctiontest.ConnectionsCall},
		},
		"a fault for two": {func(sim *junctiontest.Simulator) {
			sim.InjectWhen(junctiontest.On(looks...), junctiontest.Always, fault)
		}, looks},
		"a fault that spares the others": {
			func(sim *junctiontest.Simulator) { sim.Inject(junctiontest.Always, junctiontest.Only(fault, looks...)) }, looks,
		},
		"a fault for a user's refreshes": {
			func(sim *junctiontest.Simulator) {
				sim.InjectFor(junctiontest.DefaultUserID, junctiontest.Always, fault)
			},
			[]junctiontest.Call{junctiontest.RefreshCall},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim := junctiontest.New()
			c.inject(sim)
			hit := map[junctiontest.Call]bool{}
			for _, call := range c.hit {
				hit[call] = true
			}
			for call, r := range everyCall {
				want := 200
				if hit[call] {
					want = 503
				}
				if got := do(sim, request(r.method, r.target)).Code; got != want {
					t.Errorf("%s: %d, want %d", call, got, want)
				}
			}
		})
	}
}

func TestRandomFaultsCanSpareCalls(t *testing.T) {
	sim := junctiontest.New(junctiontest.WithRandomFaults(1, 1, junctiontest.Only(junctiontest.Status(503), junctiontest.RefreshCall)))
	wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 503)
	wantStatus(t, get(sim, introspection+junctiontest.DefaultUserID), 200)
}

func TestEachCallIsCountedForItsUser(t *testing.T) {
	sim := junctiontest.New()
	for _, r := range everyCall {
		do(sim, request(r.method, r.target))
	}
	do(sim, request(http.MethodDelete, introspection+junctiontest.DefaultUserID)) // makes none
	get(sim, "/v2/introspect/resources?user_id=x")
	get(sim, introspection+junctiontest.SlowUserID)
	for call := range everyCall {
		total, user := 1, 1
		switch call {
		case junctiontest.IntrospectCall:
			total = 3
		case junctiontest.ResolveCall, junctiontest.ListCall:
			user = 0
		}
		wantCount(t, string(call), sim.Count(call, ""), total)
		wantCount(t, string(call)+" of the user", sim.Count(call, junctiontest.DefaultUserID), user)
		wantCount(t, string(call)+" of an invalid user", sim.Count(call, "x"), 0)
	}
	wantCount(t, "requests that make no call", sim.Count("", ""), 1)
	sim.Reset()
	wantCount(t, "calls after Reset", sim.Count(junctiontest.IntrospectCall, ""), 0)
}

func TestReadsAreRecordedAndNeedTheKey(t *testing.T) {
	var seen []string
	sim := junctiontest.New(junctiontest.WithKeys("k"), junctiontest.OnExchange(func(e junctiontest.Exchange) { seen = append(seen, e.Request.String()) }))
	get(sim, introspection+junctiontest.DefaultUserID)
	get(sim, "/v2/user/providers/"+junctiontest.DefaultUserID)
	want := []string{
		"GET " + introspection + junctiontest.DefaultUserID + " → 401",
		"GET /v2/user/providers/" + junctiontest.DefaultUserID + " → 401",
	}
	if len(seen) != 2 || seen[0] != want[0] || seen[1] != want[1] {
		t.Errorf("exchanges %q, want %q", seen, want)
	}
	for _, r := range sim.Requests() {
		if r.UserID != "" {
			t.Errorf("%v counts as a refresh of %s", r, r.UserID)
		}
	}
}
