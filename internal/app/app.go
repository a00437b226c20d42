// Package app is the wiring: one constructor from the configuration to the function.
package app

import (
	"cmp"
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/delivery"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/queue"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Options add parts to the function, or replace those of AWS by parts in this process. The zero value is valid.
type Options struct {
	Queue     handler.Queue // if REFRESH_QUEUE_URL is empty
	Bus       outbox.Bus    // if RESULT_BUS is empty
	Observers observe.All   // in addition to the log
	Metrics   io.Writer     // gets the metrics, in CloudWatch Embedded Metric Format; nil: they are not written
}

// New returns the function for an environment ("NAME=value" entries, as os.Environ gives them). The version
// is in each log line, and is sent to Junction in the User-Agent. The error names every fault of the
// environment.
func New(environ []string, version string, log *slog.Logger, with Options) (*handler.Handler, error) {
	log = log.With(slog.String("version", version))
	cfg, err := config.Parse(environ)
	if err != nil {
		return nil, err
	}
	if cfg.Memory > 0 {
		// Collect garbage more often, so that a burst of connections does not exceed the memory in the middle of a
		// batch.
		debug.SetMemoryLimit(cfg.Memory * 3 / 4)
	}
	stdlog.SetOutput(junction.LogFilter(os.Stderr))
	load := awsConfig()
	metrics := observe.NewMetrics(cmp.Or(with.Metrics, io.Discard), cfg.LogLevel)
	metrics.Plain = !cfg.Metrics
	observers := slices.Concat(observe.All{observe.NewLog(log)}, with.Observers, observe.All{metrics})
	var dialer net.Dialer
	if daemon, err := dialer.DialContext(context.Background(), "udp", cfg.XRay); err == nil { // sends nothing; fails without an address
		observers = append(observers, observe.NewTraces(daemon))
	}
	read := secret.Static(cfg.APIKey)
	if cfg.APIKey.Empty() {
		fromSecretsManager := secret.FromSecretsManager(load, cfg.SecretID)
		read = func(ctx context.Context) (string, error) {
			metrics.SecretRead()
			return fromSecretsManager(ctx)
		}
	}
	keys := secret.New(read, cfg.SecretTTL)
	keys.OnRead, keys.Log = warnOfWeak(log), log
	client := junction.New(junction.Options{
		Environment: cfg.Environment, BaseURL: cfg.BaseURL, UserAgent: "junction-refresh/" + version, Calls: cfg.MaxConcurrency,
	})
	knownURL := cfg.BaseURL != "" || cfg.Environment != "" // without the key's prefix
	tasks := []func(context.Context){func(ctx context.Context) {
		if key, err := keys.Key(ctx); err == nil && !knownURL {
			client.Connect(ctx, key)
		}
	}}
	if knownURL {
		tasks = append(tasks, func(ctx context.Context) { client.Connect(ctx, sensitive.String{}) })
	}
	gate, deliveries, warm := stores(cfg, load)
	tasks = append(tasks, warm)
	if cfg.RefreshQueueURL != "" {
		q := queue.New(load, cfg.RefreshQueueURL)
		with.Queue = q
		if hasOwnHost("SQS") {
			tasks = append(tasks, q.Connect)
		}
	}
	if cfg.ResultBus != "" {
		b := publish.New(load, cfg.ResultBus)
		with.Bus = b
		if hasOwnHost("EVENTBRIDGE") {
			tasks = append(tasks, b.Connect)
		}
	}
	start(tasks)
	refresher := refresh.New(client, keys, refresh.Options{
		Gate: gate, MaxAttempts: cfg.MaxAttempts, MaxConcurrency: cfg.MaxConcurrency, Headroom: cfg.TimeoutHeadroom,
		FollowUp: cfg.FollowUp, ExplainFailures: cfg.ExplainFailures,
	})
	return handler.New(refresher, handler.Options{
		DefaultTimeout: cfg.DefaultTimeout, HTTPTimeoutLimit: cfg.HTTPTimeoutLimit,
		UserIDPaths: cfg.UserIDPaths, WebhookEvents: cfg.WebhookEvents,
		Admit: admit(cfg.CallerAuth, keys, log), Deliveries: deliveries, Queue: with.Queue, Bus: with.Bus,
		Observer: observers, Log: log,
	}), nil
}

const startTimeout = time.Second

// start does tasks side by side: Lambda gives a starting function two processors, and later only a share of one.
// Tasks that take longer than startTimeout go on in the background.
func start(tasks []func(context.Context)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for _, task := range tasks {
			all.Go(func() { task(context.Background()) })
		}
		all.Wait()
	}()
	select {
	case <-done:
	case <-time.After(startTimeout):
	}
}

// stores returns the quota and the memory of deliveries, in a table or in this process, and what they need to do at
// the start. The gate is nil if there is no quota.
func stores(cfg config.Config, load func() (aws.Config, error)) (gate refresh.Gate, deliveries handler.Deliveries, warm func(context.Context)) {
	rules := quota.Rules{Limit: cfg.QuotaLimit, Window: cfg.QuotaWindow, Coalesce: cfg.CoalesceWindow}
	if cfg.QuotaTable == "" {
		if rules.On() {
			gate = quota.NewMemory(rules)
		}
		return gate, delivery.NewMemory(), func(context.Context) {}
	}
	client := quota.Client(load)
	table := quota.NewDynamo(rules, func() (quota.Table, error) { return client() }, cfg.QuotaTable)
	if rules.On() {
		gate = table
	}
	return gate, delivery.NewDynamo(func() (delivery.Table, error) { return client() }, cfg.QuotaTable), table.Warm
}

// admit returns the check of HTTP callers by the methods of CALLER_AUTH.
func admit(methods []string, keys *secret.Source, log *slog.Logger) func(context.Context, *handler.Request) (string, error) {
	if slices.Contains(methods, "none") {
		log.Warn("CALLER_AUTH is none: everyone who reaches the HTTP endpoint can refresh any user")
	}
	guard := auth.New(methods, keys)
	return func(ctx context.Context, r *handler.Request) (string, error) {
		return guard.Admit(ctx, auth.Call{Header: r.Header, Body: r.Body, Webhook: r.Webhook, IAM: r.IAM})
	}
}

// warnOfWeak logs that the secret has entries that can never match.
func warnOfWeak(log *slog.Logger) func(secret.Bundle) {
	return func(bundle secret.Bundle) {
		if weak := auth.Weak(bundle); weak > 0 {
			log.Warn("the secret has webhook_secrets or tokens that are empty or too short; they admit nobody", slog.Int("count", weak))
		}
	}
}
