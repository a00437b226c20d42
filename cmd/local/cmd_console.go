package main

import (
	"io"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// console is what a command talks to: the streams, and the environment that it was started in.
type console struct {
	stdin          io.Reader
	stdout, stderr *screen
	environ        map[string]string
}

func newConsole(stdin io.Reader, stdout, stderr io.Writer, environ []string) *console {
	c := &console{stdin: stdin, environ: map[string]string{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		c.environ[name] = value
	}
	plain := c.environ["NO_COLOR"] != "" || c.environ["TERM"] == "dumb"
	c.stdout, c.stderr = newScreen(stdout, plain), newScreen(stderr, plain)
	c.hideBundle(c.environ["JUNCTION_API_KEY"]) // used or not
	c.hide(sensitive.New(c.environ[webhookSecretVariable]))
	return c
}

// hideBundle hides what a secret's value holds: a key alone, or JSON with tokens and webhook secrets too.
func (c *console) hideBundle(value string) {
	bundle, err := secret.ParseBundle(value)
	if err != nil {
		return
	}
	for _, s := range append(append(bundle.Tokens, bundle.WebhookSecrets...), bundle.APIKey) {
		c.hide(s)
	}
}

// hide keeps a secret from both streams, unless it is one of the development ones, which are public.
func (c *console) hide(s sensitive.String) {
	if text := s.Reveal(); text != developmentToken && text != developmentWebhookSecret {
		c.stdout.hide(text)
		c.stderr.hide(text)
	}
}
