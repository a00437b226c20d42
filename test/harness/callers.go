package harness

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	// TeamKey is the key that tests give the function. It may appear only in Junction's header.
	TeamKey = "sk_us_whole_process_marker_7f3a"
	// Token and WebhookSecret authorize callers. The secret is that of the Standard Webhooks project's own tests.
	Token         = "a-token-of-the-whole-process-tests"
	WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// CallersSecret is a secret with the key, the token and the webhook secret.
	CallersSecret = `{"api_key":"` + TeamKey + `","tokens":["` + Token + `"],"webhook_secrets":["` + WebhookSecret + `"]}`
	// Marker stands in payloads, headers and handles, none of which may be logged.
	Marker = "payload-marker-5c1e"
	// IgnoredWebhook is a webhook that is authorized like any other, and refreshes nobody.
	IgnoredWebhook = `{"event_type":"daily.data.sleep.created","team_id":"5f3c1a88-2b7d-4c1e-8a90-d1e6f2b34c57","user_id":"` + junctiontest.DefaultUserID + `"}`
	// WebhookID is the ID of the messages that SignedHeader signs.
	WebhookID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
)

// CheckNoSecrets fails the test if an output has a secret or a payload in it.
func CheckNoSecrets(t *testing.T, output string) {
	t.Helper()
	for _, never := range []string{TeamKey, Token, WebhookSecret, strings.TrimPrefix(WebhookSecret, "whsec_"), Marker} {
		for line := range strings.Lines(output) {
			if strings.Contains(line, never) {
				t.Errorf("%q was written: %s", never, line)
			}
		}
	}
}

// SignedHeader returns the headers that a sender with a secret puts before a body, as the Standard Webhooks
// library for Go makes them. The prefix is "Webhook-" or "Svix-".
func SignedHeader(t *testing.T, prefix, secret string, at time.Time, body string) http.Header {
	t.Helper()
	signer := Must(standardwebhooks.NewWebhook(secret))(t)
	signature := Must(signer.Sign(WebhookID, at, []byte(body)))(t)
	return http.Header{prefix + "Id": {WebhookID}, prefix + "Timestamp": {strconv.FormatInt(at.Unix(), 10)}, prefix + "Signature": {signature}}
}
