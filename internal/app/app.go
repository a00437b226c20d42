// Package app is the wiring: one constructor from the configuration to the function.
package app

import (
	"context"
	"log/slog"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
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
	keys.Warm()
	client := junction.New(junction.Options{
		Environment: cfg.Environment, BaseURL: cfg.BaseURL, UserAgent: "junction-refresh/" + version,
	})
	refresher := refresh.New(client, keys, refresh.Options{
		MaxAttempts: cfg.MaxAttempts, MaxConcurrency: cfg.MaxConcurrency, Headroom: cfg.TimeoutHeadroom,
	})
	return handler.New(refresher, handler.Options{
		DefaultTimeout: cfg.DefaultTimeout, HTTPTimeoutLimit: cfg.HTTPTimeoutLimit,
		UserIDPaths: cfg.UserIDPaths, WebhookEvents: cfg.WebhookEvents,
		Admit: admit(cfg.CallerAuth, log), Log: log,
	}), nil
}

// admit decides who may call over HTTP. This version can authenticate nobody, so it lets in nobody
// where CALLER_AUTH asks for it.
func admit(callerAuth []string, log *slog.Logger) func(context.Context, *handler.Request) error {
	if len(callerAuth) == 1 && callerAuth[0] == "none" {
		log.Warn("CALLER_AUTH is none: whoever reaches the HTTP endpoint can refresh any user")
		return func(context.Context, *handler.Request) error { return nil }
	}
	return func(context.Context, *handler.Request) error {
		return result.Fail(result.Unauthenticated, "the caller is not authenticated")
	}
}
