package junction_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func newClientWithoutURL() *junction.Client { return junction.New(junction.Options{}) }

func TestTheConnectionsOfAUser(t *testing.T) {
	var sent string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Vital-Api-Key") + " " + r.Header.Get("Accept")
		answer(200, `{"providers":[
			{"name":"Withings","slug":"withings","logo":"x","created_on":"2026-01-01T00:00:00+00:00","status":"connected",
				"external_user_id":"person@example.com","error_details":null,"resource_availability":{"body":{"status":"available"}}},
			{"slug":"garmin","status":"error","external_user_id":null,
				"error_details":{"error_type":"deregistered_per_provider","error_message":"The user x","errored_at":"2026-01-02T00:00:00+00:00"}}]}`)(w, r)
	})
	got, err := c.Connections(t.Context(), sensitive.New(key), user)
	if err != nil {
		t.Fatal(err)
	}
	want := []result.Connection{{Provider: "withings"}, {Provider: "garmin", Broken: true, Reason: "deregistered_per_provider"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
	if want := "GET /v2/user/providers/" + user + " " + key + " application/json"; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}

func TestAConnectionOfAnyShape(t *testing.T) {
	broken := func(details string) string { return `{"slug":"oura","status":"error","error_details":` + details + `}` }
	oura := func(broken bool, reason string) []result.Connection {
		return []result.Connection{{Provider: "oura", Broken: broken, Reason: reason}}
	}
	for name, c := range map[string]struct {
		row  string
		want []result.Connection
	}{
		"an error with details":             {broken(`{"error_type":"unknown"}`), oura(true, "unknown")},
		"an error with a new type":          {broken(`{"error_type":"moon_phase_2"}`), oura(true, "moon_phase_2")},
		"an error without details":          {`{"slug":"oura","status":"error"}`, oura(true, "")},
		"an error whose details are null":   {broken(`null`), oura(true, "")},
		"an error whose details are a text": {broken(`"x"`), oura(true, "")},
		"an error whose type is a number":   {broken(`{"error_type":1}`), oura(true, "")},
		"an error whose type is a sentence": {broken(`{"error_type":"No, sorry"}`), oura(true, "")},
		"an error whose type is the key":    {broken(`{"error_type":"` + key + `"}`), oura(true, "")},
		"an error whose type has the key":   {broken(`{"error_type":"x_` + key + `"}`), oura(true, "")},
		"details without an error":          {`{"slug":"oura","status":"connected","error_details":{"error_type":"unknown"}}`, oura(false, "")},
		"an unknown status":                 {`{"slug":"oura","status":"paused"}`, oura(false, "")},
		"no status":                         {`{"slug":"oura"}`, oura(false, "")},
		"a status that is a number":         {`{"slug":"oura","status":1}`, oura(false, "")},
		"a slug that is a number":           {`{"slug":1}`, nil},
		"no provider":                       {`{"status":"error"}`, nil},
		"a slug that has the key":           {`{"slug":"` + key + `"}`, []result.Connection{{Provider: "[redacted]"}}},
		"a row that is null":                {`null`, nil},
		"a row that is a string":            {`"oura"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// A row after it is read, whatever the first one is.
			got, err := serve(t, answer(200, `{"providers":[`+c.row+`,{"slug":"last"}]}`)).Connections(t.Context(), sensitive.New(key), user)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(c.want, result.Connection{Provider: "last"}), got); diff != "" {
				t.Errorf("connections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAUserWithoutConnectionsHasNone(t *testing.T) {
	got, err := serve(t, answer(200, `{"providers":[]}`)).Connections(t.Context(), sensitive.New(key), user)
	if err != nil || len(got) != 0 {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestConnectionsThatFailHaveTheirCode(t *testing.T) {
	for name, c := range readOnlyFailures {
		t.Run(name, func(t *testing.T) {
			connections, err := serve(t, answer(c.status, c.body)).Connections(t.Context(), sensitive.New(key), user)
			if f := result.AsFailure(err); f.Code != c.code || f.UpstreamStatus != c.status || connections != nil {
				t.Errorf("%+v and %v, want %s with status %d", f, connections, c.code, c.status)
			}
		})
	}
	t.Run("a key for an unknown environment", func(t *testing.T) {
		_, err := newClientWithoutURL().Connections(t.Context(), sensitive.New("x"), user)
		if f := result.AsFailure(err); f.Code != result.Misconfigured {
			t.Errorf("%+v", f)
		}
	})
}

func TestWhatTheSimulatorSaysOfAUserCanBeRead(t *testing.T) {
	sim := junctiontest.New(junctiontest.WithSpeed(1e6))
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	c, team := junction.New(junction.Options{BaseURL: server.URL}), sensitive.New(junctiontest.DefaultKey)
	began := time.Now().Truncate(time.Microsecond) // as exact as the simulator's times
	if _, err := c.Refresh(t.Context(), team, junctiontest.ReconnectUserID, 5); err != nil {
		t.Fatal(err)
	}
	attempts, err := c.LastAttempts(t.Context(), team, junctiontest.ReconnectUserID)
	if err != nil || len(attempts) != 2 || attempts[0].At.Before(began) || attempts[1].At.Before(began) {
		t.Fatalf("%+v, error %v; want two attempts since %v", attempts, err, began)
	}
	want := []result.Attempt{{Provider: "oura", Resource: "sleep"}, {Provider: "withings", Resource: "body", Success: true}}
	if diff := cmp.Diff(want, attempts, cmpopts.IgnoreFields(result.Attempt{}, "At")); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	connections, err := c.Connections(t.Context(), team, junctiontest.ReconnectUserID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]result.Connection{{Provider: "withings"}, {Provider: "oura", Broken: true, Reason: "token_refresh_failed"}}, connections); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
}
