package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestASignedWebhookIsAdmitted(t *testing.T) {
	for name, headers := range map[string]func(t *testing.T, now time.Time) http.Header{
		"under Standard Webhooks' names": func(t *testing.T, now time.Time) http.Header {
			return sign(t, "Webhook-", first, now, body)
		},
		"under Svix's names": func(t *testing.T, now time.Time) http.Header {
			return sign(t, "Svix-", first, now, body)
		},
		"with the second secret": func(t *testing.T, now time.Time) http.Header {
			return sign(t, "Svix-", second, now, body)
		},
		"5 minutes ago": func(t *testing.T, now time.Time) http.Header {
			return sign(t, "Svix-", first, now.Add(-5*time.Minute), body)
		},
		"5 minutes ahead": func(t *testing.T, now time.Time) http.Header {
			return sign(t, "Svix-", first, now.Add(5*time.Minute), body)
		},
		"with one matching signature of several": func(t *testing.T, now time.Time) http.Header {
			h := sign(t, "Webhook-", second, now, body)
			forged := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
			h.Set("Webhook-Signature", forged+" v1a,x v2,y "+h.Get("Webhook-Signature")+" "+forged)
			return h
		},
		"by one family if the other is forged": func(t *testing.T, now time.Time) http.Header {
			h := sign(t, "Svix-", first, now, body)
			for name, values := range sign(t, "Webhook-", unknown, now, body) {
				h[name] = values
			}
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := auth.New([]string{"signature"}, twoOfEach(t))
				wantAdmitted(t, g, webhook(headers(t, time.Now())))
			})
		})
	}
}

func TestASignatureCountsOnlyOnTheWebhookRoute(t *testing.T) {
	call := webhook(sign(t, "Svix-", first, time.Now(), body))
	call.Webhook = false
	wantRefused(t, auth.New([]string{"signature"}, twoOfEach(t)), call)
}

func TestAnUnreadableBodyIsRefusedAsAnyOther(t *testing.T) {
	call := webhook(sign(t, "Svix-", first, time.Now(), body))
	call.Body = func() ([]byte, error) { return nil, errors.New("not base64") }
	wantRefused(t, auth.New([]string{"signature"}, twoOfEach(t)), call)
}

func TestSignRejectsASecretThatCannotSign(t *testing.T) {
	for _, s := range []string{"", "whsec_", "whsec_%%%", "short"} {
		t.Run(s, func(t *testing.T) {
			if _, err := auth.Sign(sensitive.New(s), "msg_1", time.Now(), nil); err == nil {
				t.Error("it signs")
			}
		})
	}
}

func ExampleSign() {
	headers, _ := auth.Sign(sensitive.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	fmt.Println(headers.Get("svix-signature"))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}
