package auth_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	sharedID     = "msg_1" // senders may count from 1
	senderSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret  = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	senderToken  = "the-token-of-one-caller"
	otherToken   = "the-token-of-another-caller"
)

// callersBundle has two webhook secrets and two tokens.
type callersBundle struct{}

func (callersBundle) Bundle(context.Context) (secret.Bundle, error) {
	return secret.ParseBundle(`{"api_key":"sk_us_x","webhook_secrets":["` + senderSecret + `","` + otherSecret + `"],"tokens":["` + senderToken + `","` + otherToken + `"]}`)
}

// delivered is a request to the webhook route.
func delivered(header http.Header, body string) auth.Call {
	return auth.Call{Header: header, Webhook: true, Body: func() ([]byte, error) { return []byte(body), nil }}
}

// signedBy returns the headers of a body that was signed with a secret.
func signedBy(t *testing.T, key, id, body string) http.Header {
	t.Helper()
	headers, err := auth.Sign(sensitive.New(key), id, time.Now(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

func withToken(token, id string) http.Header {
	return http.Header{"X-Vital-Api-Key": {token}, "Webhook-Id": {id}}
}

// deliveryKey returns the key of a call that must be admitted.
func deliveryKey(t *testing.T, call auth.Call) string {
	t.Helper()
	key, err := auth.New([]string{"signature", "token"}, callersBundle{}).Admit(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestARepeatedDeliveryHasTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := deliveryKey(t, delivered(signedBy(t, senderSecret, sharedID, "{}"), "{}"))
		time.Sleep(time.Minute) // the time is signed too, and is another
		if again := deliveryKey(t, delivered(signedBy(t, senderSecret, sharedID, "{}"), "{}")); again != first || first == "" {
			t.Errorf("the keys are %q and %q", first, again)
		}
	})
}

func TestDeliveriesWithTheSameIDFromDifferentSendersHaveDifferentKeys(t *testing.T) {
	calls := map[string]auth.Call{
		"a signer":                       delivered(signedBy(t, senderSecret, sharedID, "{}"), "{}"),
		"another signer":                 delivered(signedBy(t, otherSecret, sharedID, "{}"), "{}"),
		"the signer with another body":   delivered(signedBy(t, senderSecret, sharedID, "[]"), "[]"),
		"the signer with another ID":     delivered(signedBy(t, senderSecret, "msg_2", "{}"), "{}"),
		"a caller with a token":          delivered(withToken(senderToken, sharedID), "{}"),
		"a caller with another token":    delivered(withToken(otherToken, sharedID), "{}"),
		"the token with another body":    delivered(withToken(senderToken, sharedID), "[]"),
		"the token with the secret's ID": delivered(withToken(senderToken, senderSecret), "{}"),
	}
	names := map[string]string{}
	for name, call := range calls {
		key := deliveryKey(t, call)
		if earlier, ok := names[key]; ok || key == "" {
			t.Errorf("%s has the key of %s, %q", name, earlier, key)
		}
		names[key] = name
	}
}

func TestTheSignedIDIdentifiesADelivery(t *testing.T) {
	signed := signedBy(t, senderSecret, sharedID, "{}")
	want := deliveryKey(t, delivered(signed, "{}"))
	withUnsignedID := signed.Clone()
	withUnsignedID.Set("Webhook-Id", "another")
	if got := deliveryKey(t, delivered(withUnsignedID, "{}")); got != want {
		t.Error("an unsigned ID beside the signed one changes the key")
	}
	forged := signed.Clone()
	forged.Set("Svix-Signature", "v1,AAAA")
	forged.Set("X-Vital-Api-Key", senderToken)
	if got := deliveryKey(t, delivered(forged, "{}")); got == want || got == "" {
		t.Error("a caller with a token and a bad signature has the key of the signed delivery")
	}
}

func TestADeliveryWithoutOneIDHasNoKey(t *testing.T) {
	for name, header := range map[string]http.Header{
		"no ID":                 {"X-Vital-Api-Key": {senderToken}},
		"an ID in each family":  {"X-Vital-Api-Key": {senderToken}, "Webhook-Id": {"msg_2"}, "Svix-Id": {"msg_3"}},
		"two IDs in one family": {"X-Vital-Api-Key": {senderToken}, "Webhook-Id": {"msg_2", "msg_3"}},
	} {
		t.Run(name, func(t *testing.T) {
			if key := deliveryKey(t, delivered(header, "{}")); key != "" {
				t.Errorf("the key is %q", key)
			}
		})
	}
}

func TestWithoutAuthenticationADeliveryIsIdentifiedByItsIDAndBody(t *testing.T) {
	admit := func(call auth.Call) string {
		key, err := auth.New([]string{"none"}, callersBundle{}).Admit(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	header := http.Header{"Svix-Id": {sharedID}}
	key := admit(delivered(header, "{}"))
	if again := admit(delivered(header, "{}")); again != key || key == "" {
		t.Errorf("the keys of the same delivery are %q and %q", key, again)
	}
	if other := admit(delivered(header, "[]")); other == key {
		t.Error("another body has the same key")
	}
}
