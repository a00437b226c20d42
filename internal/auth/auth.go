// Package auth decides whether an HTTP caller may call: by a signature of its body, by a token, or by AWS
// IAM. Any one of the methods that are switched on is enough. If the secret has nothing for a method, nobody
// passes by it.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Call is what is known of a caller before its request is parsed.
type Call struct {
	Header  http.Header
	Body    func() ([]byte, error) // as it was sent, decoded if the event has it in base64
	Webhook bool                   // the route accepts signatures, which cover the body and not the path
	IAM     bool                   // AWS has authenticated the caller with IAM
}

// Secrets provides the webhook secrets and the tokens. Its errors are *result.Failure.
type Secrets interface {
	Bundle(context.Context) (secret.Bundle, error)
}

// Guard admits callers or refuses them. It is safe for concurrent use.
type Guard struct {
	methods []string
	secrets Secrets
	now     func() time.Time
}

// New returns a guard for the methods of CALLER_AUTH: signature, token and iam, or none alone.
func New(methods []string, secrets Secrets) *Guard {
	return &Guard{methods: methods, secrets: secrets, now: time.Now}
}

func (g *Guard) allows(method string) bool { return slices.Contains(g.methods, method) }

// errRefused is the only refusal, whatever failed: it does not help anyone to find out what would pass.
var errRefused = result.Fail(result.Unauthenticated, "the caller is not authenticated")

// Admit admits a caller, and returns a key that identifies its delivery, or "" if the caller gives it no ID.
// Two deliveries have the same key only if they have the same ID, were admitted by the same secret or token,
// and have the same body: nobody else's delivery can take the place of one, nor be answered with its result.
// The error is unauthenticated, or secret_unavailable if the caller could not be checked.
func (g *Guard) Admit(ctx context.Context, call Call) (delivery string, err error) {
	if g.allows("none") || g.allows("iam") && call.IAM {
		return deliveryKey(call, unsignedID(call), sensitive.String{}), nil
	}
	tokens := g.tokensOf(call)
	signed := g.messagesOf(call)
	if len(tokens) == 0 && len(signed) == 0 {
		return "", errRefused // without a read of the secret
	}
	bundle, err := g.secrets.Bundle(ctx)
	if err != nil {
		return "", err
	}
	if len(signed) > 0 {
		if body, err := call.Body(); err == nil {
			if id, key, ok := anySignatureMatches(signed, body, bundle.WebhookSecrets); ok {
				return deliveryKey(call, id, key), nil
			}
		}
	}
	if token, ok := anyTokenMatches(tokens, bundle.Tokens); ok {
		return deliveryKey(call, unsignedID(call), token), nil
	}
	return "", errRefused
}

// deliveryKey is a hash over a delivery's ID, what admitted its caller, and its body.
func deliveryKey(call Call, id string, credential sensitive.String) string {
	if id == "" {
		return ""
	}
	body, err := call.Body()
	if err != nil {
		return "" // the request is refused for its body
	}
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(id), []byte(credential.Reveal()), body} {
		hash := sha256.Sum256(part) // of fixed size, so that no part can run into the next
		_, _ = sum.Write(hash[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// unsignedID is the ID that the headers give a delivery whose signature was not checked. It is "" if there is
// none, or one in each family.
func unsignedID(call Call) string {
	a, b := single(call.Header[families[0].id]), single(call.Header[families[1].id])
	if !call.Webhook || a != "" && b != "" {
		return ""
	}
	return a + b
}

const (
	// MinToken is the least length of a token, in bytes. A shorter one never matches.
	MinToken = 16
	// maxToken is the longest token that is compared, in bytes.
	maxToken = 4096
)

// tokensOf returns the caller's tokens: from Authorization: Bearer, and from the header in which Junction's
// SDKs send their key.
func (g *Guard) tokensOf(call Call) []sensitive.String {
	if !g.allows("token") {
		return nil
	}
	texts := slices.Clone(call.Header.Values("X-Vital-Api-Key"))
	for _, value := range call.Header.Values("Authorization") {
		if scheme, text, ok := strings.Cut(strings.TrimSpace(value), " "); ok && strings.EqualFold(scheme, "Bearer") {
			texts = append(texts, text)
		}
	}
	var tokens []sensitive.String
	for _, text := range texts {
		if text = strings.TrimSpace(text); len(text) >= MinToken && len(text) <= maxToken {
			tokens = append(tokens, sensitive.New(text))
		}
	}
	return tokens
}

// anyTokenMatches compares every pair, so that its duration does not reveal which one matched.
func anyTokenMatches(tokens, accepted []sensitive.String) (token sensitive.String, match bool) {
	for _, a := range accepted {
		if len(a.Reveal()) < MinToken {
			continue
		}
		for _, t := range tokens {
			if a.Equal(t) {
				token, match = a, true
			}
		}
	}
	return token, match
}

// Weak returns how many of a bundle's webhook secrets and tokens can never match, because they are empty, too
// short, or not a webhook secret at all.
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
