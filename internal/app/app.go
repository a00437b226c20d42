// Package app is the wiring: one constructor from the configuration to the function.
package app

import (
	"context"
	"log/slog"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/webhook"
)

// New returns the function for an environment ("NAME=value" entries, as os.Environ gives them). The
// secret is being read in the background when it returns. The error names every fault of the
// environment.
func New(environ []string, version string, log *slog.Logger) (*handler.Handler, error) {
	cfg, err := config.Parse(environ)
	if err != nil {
		return nil, err
	}
	read := secret.Static(cfg.APIKey)
	if cfg.APIKey.Empty() {
		read = secret.FromSecretsManager(cfg.SecretID)
	}
	keys := secret.New(read, cfg.SecretTTL)
	keys.OnRead = warnOfWeak(log)
	keys.Warm()
	client := junction.New(junction.Options{
		Environment: cfg.Environment, BaseURL: cfg.BaseURL, UserAgent: "junction-refresh/" + version,
	})
	gate, deliveries := quotaOf(cfg)
	refresher := refresh.New(client, keys, refresh.Options{
		Gate: gate, MaxAttempts: cfg.MaxAttempts, MaxConcurrency: cfg.MaxConcurrency, Headroom: cfg.TimeoutHeadroom,
	})
	return handler.New(refresher, handler.Options{
		DefaultTimeout: cfg.DefaultTimeout, HTTPTimeoutLimit: cfg.HTTPTimeoutLimit,
		UserIDPaths: cfg.UserIDPaths, WebhookEvents: cfg.WebhookEvents,
		Admit: admit(cfg.CallerAuth, keys, log), Deliveries: deliveries, Log: log,
	}), nil
}

// quotaOf returns where the quota and the deliveries are kept: in a table, or in this process.
func quotaOf(cfg config.Config) (refresh.Gate, handler.Deliveries) {
	rules := quota.Rules{Limit: cfg.QuotaLimit, Window: cfg.QuotaWindow, Coalesce: cfg.CoalesceWindow}
	if cfg.QuotaTable == "" {
		if !rules.On() {
			return nil, quota.NewMemoryDeliveries()
		}
		return quota.NewMemory(rules), quota.NewMemoryDeliveries()
	}
	table := quota.NewDynamo(rules, quota.Client(), cfg.QuotaTable)
	table.Warm()
	if !rules.On() {
		return nil, table
	}
	return table, table
}

// admit lets HTTP callers in as CALLER_AUTH says.
func admit(ways []string, keys *secret.Source, log *slog.Logger) func(context.Context, *handler.Request) (string, error) {
	if slices.Contains(ways, "none") {
		log.Warn("CALLER_AUTH is none: whoever reaches the HTTP endpoint can refresh any user")
	}
	guard := webhook.New(ways, keys)
	return func(ctx context.Context, r *handler.Request) (string, error) {
		return guard.Admit(ctx, webhook.Call{Header: r.Header, Body: r.Body, Webhook: r.Webhook(), IAM: r.IAM})
	}
}

// warnOfWeak says that the secret has entries which let nobody in.
func warnOfWeak(log *slog.Logger) func(secret.Bundle) {
	return func(bundle secret.Bundle) {
		if weak := webhook.Weak(bundle); weak > 0 {
			log.Warn("the secret has webhook_secrets or tokens that are empty or too short; they let nobody in", slog.Int("count", weak))
		}
	}
}
