package test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the Standard Webhooks project's own tests try (its libraries for Go, JavaScript, Python, Java,
// C#, PHP and Elixir; https://github.com/standard-webhooks/standard-webhooks), through the built
// binary. Left out is what is about a library and not about a message: verifying without a look at the
// time, which this function never does, and what sign returns, which webhook.ExampleSign shows.

// someSignature is a well-formed signature of something else.
const someSignature = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

func TestTheStandardWebhooksProjectsOwnCasesBehaveAsThere(t *testing.T) {
	t.Parallel()
	_, open := serveDoor(t)
	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) {
			if h.Del(name); len(values) > 0 {
				h[name] = values
			}
		}
	}
	for _, test := range []struct {
		says string
		at   time.Duration // from now
		edit func(http.Header)
		want int
	}{
		{"a valid signature is valid", 0, nil, 200},
		{"a missing ID is refused", 0, set("Webhook-Id"), 401},
		{"a missing time is refused", 0, set("Webhook-Timestamp"), 401},
		{"a missing signature is refused", 0, set("Webhook-Signature"), 401},
		{"no header at all is refused", 0, func(h http.Header) { clear(h) }, 401},
		{"a time that is a word is refused", 0, set("Webhook-Timestamp", "hello"), 401},
		{"a time with a fraction is refused", 0, func(h http.Header) { h["Webhook-Timestamp"][0] += ".5" }, 401},
		{"a negative time is refused", 0, set("Webhook-Timestamp", "-1"), 401},
		{"another time than was signed is refused", 0, set("Webhook-Timestamp", "946684800"), 401},
		{"a signature of something else is refused", 0, set("Webhook-Signature", "v1,"+someSignature), 401},
		{"a signature that is no base64 is refused", 0, set("Webhook-Signature", "v1,dawfeoifkpqwoekfpqoekf"), 401},
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
		h := signedHeader(t, "Webhook-", callerSecret, time.Now().Add(test.at), ignoredBody)
		if test.edit != nil {
			test.edit(h)
		}
		if got := open(t, "/webhooks", h, ignoredBody); got.status != test.want {
			t.Errorf("%s: %d %s", test.says, got.status, got.body)
		}
	}
	// An empty body can be signed too, and is no document.
	if got := open(t, "/webhooks", signedHeader(t, "Webhook-", callerSecret, time.Now(), ""), ""); got.status != http.StatusBadRequest {
		t.Errorf("an empty body is valid: %d %s", got.status, got.body)
	}
}

func TestTheSecretIsTakenInTheFormsThatTheStandardWebhooksProjectTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		says, ours, theirs string
		want               int
	}{
		{"with its prefix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 200},
		{"without its prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 200},
		{"without one sign of padding", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=", 200},
		{"without two signs of padding", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr==", 200},
		{"with its prefix and without padding", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr==", 200},
		{"empty, which nothing matches", "", "", 401},
		{"a prefix alone, which nothing matches", "whsec_", "", 401},
	} {
		t.Run(test.says, func(t *testing.T) {
			t.Parallel()
			_, open := serveDoor(t, "--config", `JUNCTION_API_KEY={"api_key":"sk_us_any_key_of_tests","webhook_secrets":["`+test.ours+`"]}`)
			if got := open(t, "/webhooks", signedHeader(t, "Webhook-", test.theirs, time.Now(), ignoredBody), ignoredBody); got.status != test.want {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}
