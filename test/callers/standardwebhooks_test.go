package callers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// The cases of the Standard Webhooks project's own tests (its libraries for Go, JavaScript, Python, Java, C#, PHP and
// Elixir; https://github.com/standard-webhooks/standard-webhooks), sent to the built binary. Left out are the cases
// about a library rather than a message: verifying without a look at the timestamp, which this function never does,
// and what signing returns, which an Example of the package that signs shows.

// someSignature is a well-formed signature of another message.
const someSignature = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

func TestStandardWebhooksCases(t *testing.T) {
	t.Parallel()
	server := harness.ServeCallers(t)
	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) {
			if h.Del(name); len(values) > 0 {
				h[name] = values
			}
		}
	}
	for _, test := range []struct {
		name string
		at   time.Duration // from now
		edit func(http.Header)
		want int
	}{
		{"a valid signature is valid", 0, nil, 200},
		{"a missing ID is refused", 0, set("Webhook-Id"), 401},
		{"a missing time is refused", 0, set("Webhook-Timestamp"), 401},
		{"a missing signature is refused", 0, set("Webhook-Signature"), 401},
		{"no headers are refused", 0, func(h http.Header) { clear(h) }, 401},
		{"a time that is a word is refused", 0, set("Webhook-Timestamp", "hello"), 401},
		{"a time with a fraction is refused", 0, func(h http.Header) { h["Webhook-Timestamp"][0] += ".5" }, 401},
		{"a negative time is refused", 0, set("Webhook-Timestamp", "-1"), 401},
		{"a time other than the signed one is refused", 0, set("Webhook-Timestamp", "946684800"), 401},
		{"a signature of another message is refused", 0, set("Webhook-Signature", "v1,"+someSignature), 401},
		{"a signature that is not base64 is refused", 0, set("Webhook-Signature", "v1,dawfeoifkpqwoekfpqoekf"), 401},
		{"a part of the signature is refused", 0, func(h http.Header) { h["Webhook-Signature"][0] = h["Webhook-Signature"][0][:8] }, 401},
		{"a version without a signature is refused", 0, set("Webhook-Signature", "v1,"), 401},
		{"a signature without a version is refused", 0, func(h http.Header) { h["Webhook-Signature"][0] = h["Webhook-Signature"][0][3:] }, 401},
		{"a signature of another version is refused", 0, func(h http.Header) { h["Webhook-Signature"][0] = "v2" + h["Webhook-Signature"][0][2:] }, 401},
		{"a time of 5 minutes ago is refused", -5 * time.Minute, nil, 401},
		{"a time of over 5 minutes ago is refused", -5*time.Minute - time.Second, nil, 401},
		{"a time of over 5 minutes ahead is refused", 5*time.Minute + 30*time.Second, nil, 401},
		{"one valid signature of several is valid", 0, func(h http.Header) {
			h["Webhook-Signature"][0] = strings.Join([]string{"v1," + someSignature, "v2," + someSignature, h["Webhook-Signature"][0], "v1," + someSignature}, " ")
		}, 200},
		{"header names are of any case", 0, func(h http.Header) {
			for name, values := range h {
				delete(h, name)
				h[strings.ToUpper(name)] = values
			}
		}, 200},
		{"the message that the documentation signs is stale", 0, func(h http.Header) {
			h["Webhook-Timestamp"], h["Webhook-Signature"] = []string{"1614265330"}, []string{"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
		}, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := signedHeader(t, "Webhook-", time.Now().Add(test.at), harness.IgnoredWebhook)
			if test.edit != nil {
				test.edit(h)
			}
			if got := server.Post(t, "/webhooks", h, harness.IgnoredWebhook); got.Status != test.want {
				t.Errorf("status is %d, want %d: %s", got.Status, test.want, got.Body)
			}
		})
	}
	t.Run("an empty body can be signed, and is not a document", func(t *testing.T) {
		if got := server.Post(t, "/webhooks", signedHeader(t, "Webhook-", time.Now(), ""), ""); got.Status != http.StatusBadRequest {
			t.Errorf("status is %d, want 400: %s", got.Status, got.Body)
		}
	})
}

func TestStandardWebhooksSecretForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, ours, theirs string
		want               int
	}{
		{"with its prefix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 200},
		{"without its prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 200},
		{"without one padding character", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=", 200},
		{"without two padding characters", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr==", 200},
		{"with its prefix and without padding", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr==", 200},
		{"empty, which matches nothing", "", "", 401},
		{"only a prefix, which matches nothing", "whsec_", "", 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := harness.ServeCallers(t, "--config", `JUNCTION_API_KEY={"api_key":"sk_us_any_key_of_tests","webhook_secrets":["`+test.ours+`"]}`)
			header := harness.SignedHeader(t, "Webhook-", test.theirs, time.Now(), harness.IgnoredWebhook)
			if got := server.Post(t, "/webhooks", header, harness.IgnoredWebhook); got.Status != test.want {
				t.Errorf("status is %d, want %d: %s", got.Status, test.want, got.Body)
			}
		})
	}
}
