package result_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestFailedSourcesAreExplainedByTheirProvidersConnection(t *testing.T) {
	answer := result.Answer{Status: 200, Refreshed: []string{"withings/body"}, InProgress: []string{"fitbit/steps"}, Failed: []string{"fitbit/sleep", "oura/activity", "oura/sleep", "whoop"}}
	broken := func(provider, reason string) result.Connection {
		return result.Connection{Provider: provider, Broken: true, Reason: reason}
	}
	failed := func(provider, resource string, reconnect bool, reason string) result.Source {
		return result.Source{Provider: provider, Resource: resource, State: "failed", Reconnect: reconnect, Reason: reason}
	}
	rest := []result.Source{{Provider: "fitbit", Resource: "steps", State: "in_progress"}, {Provider: "withings", Resource: "body", State: "refreshed"}}
	for name, c := range map[string]struct {
		connections []result.Connection
		want        []result.Source // the failed ones
	}{
		"nothing is known": {nil, []result.Source{
			failed("fitbit", "sleep", false, ""), failed("oura", "activity", false, ""), failed("oura", "sleep", false, ""), failed("whoop", "", false, ""),
		}},
		"every resource of a broken provider": {[]result.Connection{broken("oura", "token_refresh_failed")}, []result.Source{
			failed("fitbit", "sleep", false, ""), failed("oura", "activity", true, "token_refresh_failed"), failed("oura", "sleep", true, "token_refresh_failed"), failed("whoop", "", false, ""),
		}},
		"a broken provider without a reason": {[]result.Connection{broken("whoop", "")}, []result.Source{
			failed("fitbit", "sleep", false, ""), failed("oura", "activity", false, ""), failed("oura", "sleep", false, ""), failed("whoop", "", true, ""),
		}},
		"a provider whose connection works": {[]result.Connection{{Provider: "oura"}, broken("fitbit", "unknown")}, []result.Source{
			failed("fitbit", "sleep", true, "unknown"), failed("oura", "activity", false, ""), failed("oura", "sleep", false, ""), failed("whoop", "", false, ""),
		}},
		"a provider that no source is of": {[]result.Connection{broken("garmin", "unknown"), broken("Oura", "unknown"), broken("", "unknown")}, []result.Source{
			failed("fitbit", "sleep", false, ""), failed("oura", "activity", false, ""), failed("oura", "sleep", false, ""), failed("whoop", "", false, ""),
		}},
		"sources that have not failed": {[]result.Connection{broken("withings", "unknown")}, []result.Source{
			failed("fitbit", "sleep", false, ""), failed("oura", "activity", false, ""), failed("oura", "sleep", false, ""), failed("whoop", "", false, ""),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := result.From("u", answer)
			got.Explain(c.connections)
			want := []result.Source{c.want[0], rest[0], c.want[1], c.want[2], c.want[3], rest[1]} // sorted by name
			if diff := cmp.Diff(want, got.Sources); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnExplanationIsOnlyInTheJSONOfSourcesThatHaveOne(t *testing.T) {
	r := result.From("u", result.Answer{Status: 200, Failed: []string{"oura/sleep", "whoop/sleep", "fitbit/sleep"}})
	r.Explain([]result.Connection{{Provider: "oura", Broken: true, Reason: "unknown"}, {Provider: "whoop", Broken: true}})
	got, err := json.Marshal(r.Sources)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"provider":"fitbit","resource":"sleep","state":"failed"},` +
		`{"provider":"oura","resource":"sleep","state":"failed","reconnect":true,"reason":"unknown"},` +
		`{"provider":"whoop","resource":"sleep","state":"failed","reconnect":true}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestAConnectionErrorHasTheDocumentedFields(t *testing.T) {
	for name, c := range map[string]struct {
		user                result.User
		provider, errorType string
		want                string
	}{
		"everything":   {result.User{ID: user, ClientUserID: "app"}, "oura", "token_refresh_failed", `"client_user_id":"app","provider":"oura","error_type":"token_refresh_failed"`},
		"the least":    {result.User{ID: user}, "apple_health_kit", "", `"provider":"apple_health_kit","error_type":""`},
		"odd words":    {result.User{ID: user}, "oura", "No, sorry", `"provider":"oura","error_type":""`},
		"a long word":  {result.User{ID: user}, "oura", strings.Repeat("x", 65), `"provider":"oura","error_type":""`},
		"an odd name":  {result.User{ID: user}, "Oura, Inc.", "unknown", `"provider":"","error_type":"unknown"`},
		"a line break": {result.User{ID: user}, "oura\n", "unknown", `"provider":"","error_type":"unknown"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it is 2000-01-01T00:00:00Z
				time.Sleep(1500 * time.Millisecond)
				got, err := json.Marshal(result.NewConnectionError(c.user, c.provider, c.errorType))
				if err != nil {
					t.Fatal(err)
				}
				want := `{"schema_version":1,"user_id":"` + user + `",` + c.want + `,"received_at":"2000-01-01T00:00:01Z"}`
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("it is (-want +got):\n%s", diff)
				}
			})
		})
	}
}
