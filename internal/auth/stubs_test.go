package auth_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

var (
	first   = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the first of two webhook secrets"))
	second  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the other of two webhook secrets"))
	unknown = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret that the bundle lacks..."))
)

const (
	token = "a-token-for-tests-1"
	body  = `{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537"}`
)

// secrets provides a bundle, or the failure to read one, and counts its reads.
type secrets struct {
	bundle secret.Bundle
	err    error
	reads  int
}

func (s *secrets) Bundle(context.Context) (secret.Bundle, error) { s.reads++; return s.bundle, s.err }

func bundle(t testing.TB, webhookSecrets, tokens string) *secrets {
	t.Helper()
	b, err := secret.ParseBundle(`{"api_key":"sk_us_a_team_key_for_tests","webhook_secrets":[` + webhookSecrets + `],"tokens":[` + tokens + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return &secrets{bundle: b}
}

// twoOfEach is a bundle with two webhook secrets and two tokens, as during a rotation.
func twoOfEach(t testing.TB) *secrets {
	t.Helper()
	return bundle(t, strconv.Quote(first)+","+strconv.Quote(second), `"another-token-for-tests",`+strconv.Quote(token))
}

// sign returns the headers of a signed body, of the family with a prefix.
func sign(t testing.TB, prefix, webhookSecret string, at time.Time, content string) http.Header {
	t.Helper()
	signed, err := auth.Sign(sensitive.New(webhookSecret), "msg_1", at, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for name, values := range signed {
		h[prefix+strings.TrimPrefix(name, "Svix-")] = values
	}
	return h
}

// webhook returns a call of the webhook route.
func webhook(header http.Header) auth.Call {
	return auth.Call{Header: header, Webhook: true, Body: func() ([]byte, error) { return []byte(body), nil }}
}

// wantAdmitted checks that a guard admits a call.
func wantAdmitted(t *testing.T, g *auth.Guard, call auth.Call) {
	t.Helper()
	if _, err := g.Admit(t.Context(), call); err != nil {
		t.Errorf("the caller is refused: %v", err)
	}
}

// wantRefused checks that a guard refuses a call, and that it does so as it refuses any other.
func wantRefused(t *testing.T, g *auth.Guard, call auth.Call) {
	t.Helper()
	_, err := g.Admit(t.Context(), call)
	if err == nil {
		t.Error("the caller is admitted")
	} else if err.Error() != "unauthenticated: the caller is not authenticated" {
		t.Errorf("the refusal is %q", err)
	}
}
