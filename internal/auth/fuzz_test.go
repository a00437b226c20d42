package auth

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// fixedBundle provides one bundle.
type fixedBundle secret.Bundle

func (b fixedBundle) Bundle(context.Context) (secret.Bundle, error) { return secret.Bundle(b), nil }

// A caller who is admitted has shown the token, or the one signature of this ID, time and body.
func FuzzAdmit(f *testing.F) {
	const (
		key   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		token = "a-token-for-tests-1"
		body  = `{"test": 2432232314}`
	)
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "Bearer x", "key", []byte(body))
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "", "", []byte(body+" "))
	f.Add("msg_1", "1614265331", "v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "bearer "+token, token, []byte(body))
	f.Add("", "", "", "", "", []byte{})
	f.Add("a\x00b", "9999999999999", "v1, v1,, ,", "Bearer", strings.Repeat("x", 5000), []byte("{"))
	bundle, err := secret.ParseBundle(`{"api_key":"k","webhook_secrets":["` + key + `"],"tokens":["` + token + `"]}`)
	if err != nil {
		f.Fatal(err)
	}
	g := New([]string{"signature", "token"}, fixedBundle(bundle))
	at := time.Unix(1614265330, 0)
	g.now = func() time.Time { return at }
	f.Fuzz(func(t *testing.T, id, timestamp, signatures, authorization, apiKey string, content []byte) {
		call := Call{Webhook: true, Body: func() ([]byte, error) { return content, nil }, Header: http.Header{
			"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures},
			"Authorization": {authorization}, "X-Vital-Api-Key": {apiKey},
		}}
		if _, err := g.Admit(t.Context(), call); err != nil {
			return
		}
		if strings.TrimSpace(apiKey) == token || strings.Contains(authorization, token) {
			return
		}
		for second := -300; second <= 300; second++ {
			when := at.Add(time.Duration(second) * time.Second)
			signed, err := Sign(sensitive.New(key), id, when, content)
			if err == nil && signed.Get("Svix-Timestamp") == timestamp && slices.Contains(strings.Split(signatures, " "), signed.Get("Svix-Signature")) {
				return
			}
		}
		t.Error("a caller without a secret is admitted")
	})
}
