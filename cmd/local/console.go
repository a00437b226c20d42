package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// console is what the command talks to: the streams, and the environment that it was started in.
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
	c.hide(c.environ["JUNCTION_API_KEY"]) // used or not
	c.hideText(sensitive.New(c.environ[webhookSecretVariable]))
	return c
}

// hide keeps the secrets of a key, or of a secret's JSON, from both streams.
func (c *console) hide(value string) {
	bundle, err := secret.ParseBundle(value)
	if err != nil {
		return
	}
	for _, s := range append(append(bundle.Tokens, bundle.WebhookSecrets...), bundle.APIKey) {
		c.hideText(s)
	}
}

// hideText keeps a secret from both streams, but for the development ones, which are no secrets.
func (c *console) hideText(s sensitive.String) {
	if text := s.Reveal(); text != developmentToken && text != developmentWebhookSecret {
		c.stdout.hide(text)
		c.stderr.hide(text)
	}
}

// screen is an output stream. What was hidden does not pass, as long as one Write has the whole of it.
// It may be used from several goroutines.
type screen struct {
	terminal bool // a person is looking
	color    bool

	mu     sync.Mutex
	w      io.Writer
	hidden []string // pairs: a secret and what is shown instead
}

func newScreen(w io.Writer, plain bool) *screen {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	return &screen{w: w, terminal: terminal, color: terminal && !plain}
}

// shortest is the length from which on a text counts as a secret: to mask a letter or two would mask
// everything.
const shortest = 8

func (s *screen) hide(text string) {
	if len(text) < shortest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = append(s.hidden, text, mask(text))
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, strings.NewReplacer(s.hidden...).Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printf prints. An error of a terminal or pipe that is gone has nobody to be told to.
func (s *screen) printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

// The styles.
const (
	bold  = "\x1b[1m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	reset = "\x1b[0m"
)

// style returns the text in a style where the screen shows any.
func (s *screen) style(style, text string) string {
	if !s.color {
		return text
	}
	return style + text + reset
}

var keyPrefix = regexp.MustCompile(`^[ps]k_(us|eu)_`)

// mask leaves of a key what says its environment, and of anything else nothing.
func mask(text string) string { return keyPrefix.FindString(text) + "****" }

// encode is JSON without HTML's escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("cannot encode %T: %v", v, err)) // texts and numbers only
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
