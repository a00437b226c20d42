// Package callers holds who may call the function: callers with a token, with a signature by the Standard Webhooks or
// Svix scheme, and nobody else. Webhook libraries and Junction's SDKs are tried as they are published.
package callers

import (
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// completedPath refreshes a user of whom every source succeeds.
const completedPath = "/v2/user/refresh/" + junctiontest.CompletedUserID

// signedHeader signs a body with WebhookSecret.
func signedHeader(t *testing.T, prefix string, at time.Time, body string) http.Header {
	t.Helper()
	return harness.SignedHeader(t, prefix, harness.WebhookSecret, at, body)
}
