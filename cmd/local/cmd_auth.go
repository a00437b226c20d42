package main

import (
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The credentials of callers of a local run with --auth. Everybody can read them in the source: they are
// for trying the checks out, and keep nobody away.
const (
	developmentToken         = "development-token-no-secret"
	developmentWebhookSecret = "whsec_bm90IGEgc2VjcmV0OiBmb3IgbGFwdG9wcyBvbmx5ISE=" //nolint:gosec // G101: "not a secret: for laptops only!!"
)

// webhookSecretVariable is the variable that sign takes a webhook secret from, so that the secret need not
// be on a command line.
const webhookSecretVariable = "JUNCTION_WEBHOOK_SECRET"

// callerAuth returns the variables that decide who may call, the secret's value among them. key is the team
// key, or a live run's secret as JSON, whose tokens and webhook secrets count unless a flag names others.
func (g *Globals) callerAuth(key string) ([]string, error) {
	if g.Auth == "" {
		if !g.Token.Empty() || !g.WebhookSecret.Empty() {
			return nil, usagef("--token and --webhook-secret need --auth")
		}
		return []string{"CALLER_AUTH=none", "JUNCTION_API_KEY=" + key}, nil
	}
	bundle, err := secret.ParseBundle(key)
	if err != nil {
		return nil, usagef("JUNCTION_API_KEY: %v", err)
	}
	if err := g.checkCredentials(); err != nil {
		return nil, err
	}
	value := encode(map[string]any{
		"api_key":         bundle.APIKey.Reveal(),
		"tokens":          firstChoice(g.Token, bundle.Tokens, developmentToken),
		"webhook_secrets": firstChoice(g.WebhookSecret, bundle.WebhookSecrets, developmentWebhookSecret),
	})
	return []string{"CALLER_AUTH=" + g.Auth, "JUNCTION_API_KEY=" + string(value)}, nil
}

// checkCredentials returns an error if the token or webhook secret of the flags could never match.
func (g *Globals) checkCredentials() error {
	if length := len(strings.TrimSpace(g.Token.Reveal())); length > 0 && length < auth.MinToken {
		return usagef("--token: a token has %d bytes or more; a shorter one lets nobody in", auth.MinToken)
	}
	if !g.WebhookSecret.Empty() {
		if _, err := auth.Sign(g.WebhookSecret, "msg_1", time.Now(), nil); err != nil {
			return usagef("--webhook-secret: %v", err)
		}
	}
	return nil
}

// firstChoice returns the flag's value, or else those of the user's own secret, or else the development one.
func firstChoice(flag sensitive.String, own []sensitive.String, development string) []string {
	if !flag.Empty() {
		return []string{flag.Reveal()}
	}
	if len(own) == 0 {
		return []string{development}
	}
	var values []string
	for _, s := range own {
		values = append(values, s.Reveal())
	}
	return values
}

// takes reports whether --auth has a method.
func (g *Globals) takes(method string) bool {
	for part := range strings.SplitSeq(g.Auth, ",") {
		if strings.TrimSpace(part) == method {
			return true
		}
	}
	return false
}

// open reports whether every caller is let in.
func (g *Globals) open() bool { return g.Auth == "" || g.takes("none") }
