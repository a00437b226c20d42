package main

import (
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// What callers show to a local run with --auth. They are in the source for everybody to read: they are
// there to try the checks out, and keep nobody away.
const (
	developmentToken         = "development-token-no-secret"
	developmentWebhookSecret = "whsec_bm90IGEgc2VjcmV0OiBmb3IgbGFwdG9wcyBvbmx5ISE=" //nolint:gosec // G101: "not a secret: for laptops only!!"
)

// webhookSecretVariable is the variable that sign takes a webhook secret from, so that it need not
// stand on a command line.
const webhookSecretVariable = "JUNCTION_WEBHOOK_SECRET"

// guarded are the variables that say who may call, the secret's value among them. key is the team key,
// or a live run's secret as JSON, whose own tokens and webhook secrets count where no flag says others.
func (g *Globals) guarded(key string) ([]string, error) {
	if g.Auth == "" {
		if !g.Token.Empty() || !g.WebhookSecret.Empty() {
			return nil, usagef("--token and --webhook-secret go with --auth")
		}
		return []string{"CALLER_AUTH=none", "JUNCTION_API_KEY=" + key}, nil
	}
	bundle, err := secret.ParseBundle(key)
	if err != nil {
		return nil, usagef("JUNCTION_API_KEY: %v", err)
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	value := encode(map[string]any{
		"api_key":         bundle.APIKey.Reveal(),
		"tokens":          chosen(g.Token, bundle.Tokens, developmentToken),
		"webhook_secrets": chosen(g.WebhookSecret, bundle.WebhookSecrets, developmentWebhookSecret),
	})
	return []string{"CALLER_AUTH=" + g.Auth, "JUNCTION_API_KEY=" + string(value)}, nil
}

// usable says whether the flags' token and webhook secret could ever match.
func (g *Globals) usable() error {
	if length := len(strings.TrimSpace(g.Token.Reveal())); length > 0 && length < auth.MinToken {
		return usagef("--token: a token is %d bytes or more; a shorter one lets nobody in", auth.MinToken)
	}
	if !g.WebhookSecret.Empty() {
		if _, err := auth.Sign(g.WebhookSecret, "msg_1", time.Now(), nil); err != nil {
			return usagef("--webhook-secret: %v", err)
		}
	}
	return nil
}

// chosen returns the flag's text, else those of the user's own secret, else the development one.
func chosen(flag sensitive.String, own []sensitive.String, development string) []string {
	if !flag.Empty() {
		return []string{flag.Reveal()}
	}
	var texts []string
	for _, s := range own {
		texts = append(texts, s.Reveal())
	}
	if len(texts) == 0 {
		return []string{development}
	}
	return texts
}

// takes says whether --auth has a way.
func (g *Globals) takes(way string) bool {
	for part := range strings.SplitSeq(g.Auth, ",") {
		if strings.TrimSpace(part) == way {
			return true
		}
	}
	return false
}

// open says whether everybody is let in.
func (g *Globals) open() bool { return g.Auth == "" || g.takes("none") }
