package callers

import (
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// New checks that the log has neither a token, nor a secret, nor the key.
func TestOnlyCallersWithATokenOrASignatureAreLetIn(t *testing.T) {
	t.Parallel()
	const webhook = `{"user_id":"` + junctiontest.CompletedUserID + `"}`
	f := harness.New(t, harness.WithCallers())
	apis := map[string]harness.Post{"HTTP API": f.PostHTTPAPI, "REST API": f.PostRESTAPI}
	for api, post := range apis {
		for _, test := range []struct {
			name   string
			path   string
			header http.Header
			status int
			calls  int // of Junction
		}{
			{"a bearer token", completedPath, http.Header{"Authorization": {"Bearer " + harness.Token}}, 200, 1},
			{"an SDK's header, in another case", completedPath, http.Header{"x-VITAL-api-key": {harness.Token}}, 200, 1},
			{"a bearer token with a webhook", "/webhooks", http.Header{"Authorization": {"bearer " + harness.Token}}, 200, 1},
			{"a signature on another route", completedPath, signedHeader(t, "Svix-", time.Now(), webhook), 401, 0},
			{"the team key", completedPath, http.Header{"X-Vital-Api-Key": {harness.TeamKey}}, 401, 0},
			{"the webhook secret", completedPath, http.Header{"X-Vital-Api-Key": {harness.WebhookSecret}}, 401, 0},
			{"nothing", completedPath, http.Header{}, 401, 0},
			{"nothing, on an unknown route", "/other", http.Header{}, 401, 0},
			{"a bearer token, on an unknown route", "/other", http.Header{"Authorization": {"Bearer " + harness.Token}}, 404, 0},
		} {
			t.Run(api+"/"+test.name, func(t *testing.T) {
				before := len(f.Junction.Requests())
				if got := post(t, test.path, test.header, webhook); got.Status != test.status {
					t.Errorf("status is %d, want %d: %s", got.Status, test.status, got.Body)
				}
				if calls := len(f.Junction.Requests()) - before; calls != test.calls {
					t.Errorf("Junction was called %d times, want %d", calls, test.calls)
				}
			})
		}
	}
	t.Run("a signed delivery is refreshed once, whichever API, route and scheme it arrives by", func(t *testing.T) {
		before := len(f.Junction.Requests())
		for api, post := range apis {
			for _, got := range []harness.Response{
				post(t, "/webhooks", signedHeader(t, "Svix-", time.Now(), webhook), webhook),
				post(t, "/prod/webhooks/", signedHeader(t, "Webhook-", time.Now(), webhook), webhook),
			} {
				if got.Status != http.StatusOK {
					t.Errorf("%s: status is %d: %s", api, got.Status, got.Body)
				}
			}
		}
		if calls := len(f.Junction.Requests()) - before; calls != 1 {
			t.Errorf("Junction was called %d times, want 1", calls)
		}
	})
}
