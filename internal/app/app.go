// Package app is the wiring: one constructor from the configuration to the function.
package app

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/queue"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/webhook"
)

// Option replaces a part of AWS by one of this machine's.
type Option func(*parts)

// parts are what a function may have beside Junction and the secret.
type parts struct {
	queue handler.Queue
	bus   handler.Bus
}

// WithQueue gives the function a queue where REFRESH_QUEUE_URL is empty.
func WithQueue(q handler.Queue) Option { return func(p *parts) { p.queue = q } }

// WithBus gives the function a bus where RESULT_BUS is empty.
func WithBus(b handler.Bus) Option { return func(p *parts) { p.bus = b } }

// New returns the function for an environment ("NAME=value" entries, as os.Environ gives them). The
// secret is being read in the background when it returns. The error names every fault of the
// environment.
func New(environ []string, version string, log *slog.Logger, options ...Option) (*handler.Handler, error) {
	var with parts
	for _, option := range options {
		option(&with)
	}
	cfg, err := config.Parse(environ)
	if err != nil {
		return nil, err
	}
	if cfg.Memory > 0 {
		// Rather collect garbage more often than be killed for a burst of connections, in the middle of a batch.
		debug.SetMemoryLimit(cfg.Memory * 3 / 4)
	}
	load := awsConfig()
	read := secret.Static(cfg.APIKey)
	if cfg.APIKey.Empty() {
		read = secret.FromSecretsManager(load, cfg.SecretID)
	}
	keys := secret.New(read, cfg.SecretTTL)
	keys.OnRead = warnOfWeak(log)
	keys.Warm()
	client := junction.New(junction.Options{
		Environment: cfg.Environment, BaseURL: cfg.BaseURL, UserAgent: "junction-refresh/" + version, Calls: cfg.MaxConcurrency,
	})
	gate, deliveries := quotaOf(cfg, load)
	if cfg.RefreshQueueURL != "" {
		with.queue = queue.New(load, cfg.RefreshQueueURL)
	}
	if cfg.ResultBus != "" {
		with.bus = publish.New(load, cfg.ResultBus)
	}
	refresher := refresh.New(client, keys, refresh.Options{
		Gate: gate, MaxAttempts: cfg.MaxAttempts, MaxConcurrency: cfg.MaxConcurrency, Headroom: cfg.TimeoutHeadroom,
	})
	return handler.New(refresher, handler.Options{
		DefaultTimeout: cfg.DefaultTimeout, HTTPTimeoutLimit: cfg.HTTPTimeoutLimit,
		UserIDPaths: cfg.UserIDPaths, WebhookEvents: cfg.WebhookEvents,
		Admit: admit(cfg.CallerAuth, keys, log), Deliveries: deliveries, Queue: with.queue, Bus: with.bus, Log: log,
	}), nil
}

// quotaOf returns where the quota and the deliveries are kept: in a table, or in this process.
func quotaOf(cfg config.Config, load func() (aws.Config, error)) (refresh.Gate, handler.Deliveries) {
	rules := quota.Rules{Limit: cfg.QuotaLimit, Window: cfg.QuotaWindow, Coalesce: cfg.CoalesceWindow}
	if cfg.QuotaTable == "" {
		if !rules.On() {
			return nil, quota.NewMemoryDeliveries()
		}
		return quota.NewMemory(rules), quota.NewMemoryDeliveries()
	}
	table := quota.NewDynamo(rules, quota.Client(load), cfg.QuotaTable)
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
