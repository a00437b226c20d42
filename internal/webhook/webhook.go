// Package webhook decides whether a caller over HTTP is who it says it is: by a signature of its body,
// by a token, or by AWS IAM. Any one of the ways that are switched on suffices; where the secret has
// nothing of the kind, nobody passes.
package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Call is what a caller shows before anything of its request is parsed.
type Call struct {
	Header  http.Header
	Body    func() ([]byte, error) // as it was sent, decoded from base64 where the event says so
	Webhook bool                   // the route takes signatures, which cover the body and not the path
	IAM     bool                   // AWS has authenticated the caller by IAM
}

// Secrets is where the webhook secrets and the tokens come from. Its errors are *result.Failure.
type Secrets interface {
	Bundle(context.Context) (secret.Bundle, error)
}

// Guard lets callers in or refuses them. It is safe for concurrent use.
type Guard struct {
	signature, token, iam, open bool

	secrets Secrets
	now     func() time.Time
}

// New returns a guard for the ways of CALLER_AUTH: signature, token, iam, or none alone.
func New(ways []string, secrets Secrets) *Guard {
	on := func(way string) bool { return slices.Contains(ways, way) }
	return &Guard{
		signature: on("signature"), token: on("token"), iam: on("iam"), open: on("none"),
		secrets: secrets, now: time.Now,
	}
}

// errRefused is the one refusal, whatever failed: it helps nobody to find out what would pass.
var errRefused = result.Fail(result.Unauthenticated, "the caller is not authenticated")

// Admit lets a caller in, and returns the ID of the delivery that it makes; "" where it names none. Of
// a signed delivery that is the ID that was signed, whatever else the headers say. The error is
// unauthenticated, or secret_unavailable where a caller that might be let in cannot be checked.
func (g *Guard) Admit(ctx context.Context, call Call) (delivery string, err error) {
	if g.open || g.iam && call.IAM {
		return deliveryOf(call), nil
	}
	tokens := g.tokensOf(call)
	signed, n := g.messagesOf(call)
	if len(tokens) == 0 && n == 0 {
		return "", errRefused // and a stranger's request costs no read of the secret
	}
	bundle, err := g.secrets.Bundle(ctx)
	if err != nil {
		return "", err
	}
	if n > 0 {
		if body, err := call.Body(); err == nil {
			if id, ok := anySignatureMatches(signed[:n], body, bundle.WebhookSecrets); ok {
				return id, nil
			}
		}
	}
	if anyTokenMatches(tokens, bundle.Tokens) {
		return deliveryOf(call), nil
	}
	return "", errRefused
}

// deliveryOf is the ID that the headers give a delivery whose signature nobody asked for; "" where
// there is none, or one in each family.
func deliveryOf(call Call) string {
	a, b := one(call.Header[families[0].id]), one(call.Header[families[1].id])
	if !call.Webhook || a != "" && b != "" {
		return ""
	}
	return a + b
}

const (
	// MinToken is the least length of a token, in bytes. A shorter one never matches.
	MinToken = 16
	// maxToken is the most of a header that is looked at as a token, in bytes.
	maxToken = 4096
)

// tokensOf returns what the caller shows as tokens: Authorization: Bearer, and the header that
// Junction's SDKs send their key in.
func (g *Guard) tokensOf(call Call) []sensitive.String {
	if !g.token {
		return nil
	}
	var tokens []sensitive.String
	add := func(text string) {
		if text = strings.TrimSpace(text); len(text) >= MinToken && len(text) <= maxToken {
			tokens = append(tokens, sensitive.New(text))
		}
	}
	for _, value := range call.Header.Values("Authorization") {
		if scheme, text, ok := strings.Cut(strings.TrimSpace(value), " "); ok && strings.EqualFold(scheme, "Bearer") {
			add(text)
		}
	}
	for _, value := range call.Header.Values("X-Vital-Api-Key") {
		add(value)
	}
	return tokens
}

// anyTokenMatches compares every pair, so that the time it takes says nothing of which matched.
func anyTokenMatches(shown, accepted []sensitive.String) bool {
	match := false
	for _, a := range accepted {
		if len(a.Reveal()) < MinToken {
			continue
		}
		for _, s := range shown {
			match = a.Equal(s) || match
		}
	}
	return match
}

// Weak returns how many of a bundle's webhook secrets and tokens can never match, because they are
// empty, too short, or no webhook secret at all.
func Weak(bundle secret.Bundle) (weak int) {
	for _, s := range bundle.WebhookSecrets {
		if keyOf(s) == nil {
			weak++
		}
	}
	for _, t := range bundle.Tokens {
		if len(t.Reveal()) < MinToken {
			weak++
		}
	}
	return weak
}
