package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// maxArgument is the longest body that is put on a command line, in bytes. Linux accepts 128 KiB per
// argument.
const maxArgument = 96 << 10

// signCommand signs a webhook.
type signCommand struct {
	File   string `arg:"" help:"The body, byte for byte; or an HTTP event such as events/http-api-webhook.json, whose body is taken. - is standard input."`
	URL    string `name:"url" placeholder:"URL" help:"Print a whole curl command to this URL; if it has no path, /webhooks is added."`
	ID     string `name:"id" placeholder:"ID" help:"The message's ID, to send one delivery twice. Without it, a new one."`
	Family string `enum:"svix,webhook," default:"" placeholder:"svix|webhook" help:"The header names: Svix's, which Junction sends, or those of Standard Webhooks. Without it, the event's own, or else svix."`
}

// Help is shown by kong.
func (signCommand) Help() string {
	return `The signature has the current time, and is valid for five minutes. It is made with --webhook-secret (or --secret),
or else with the secret in ` + webhookSecretVariable + `, or else with the development one that ` + "`serve --auth`" + ` takes. The secret is not printed.

Without --url the three headers are printed, as curl's -H @FILE reads them. With it a whole command is printed, with
the body in it, which a shell can run. Of an HTTP event (API Gateway's or a function URL's) only the body is signed
and sent; anything else is a body itself.

Examples:

	go run ./cmd/local serve --auth signature,token   # in another terminal
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080 | sh
	go run ./cmd/local sign body.json | curl http://127.0.0.1:8080/webhooks -H @- --json @body.json
	echo '{"client_user_id": "app-user-completed"}' | go run ./cmd/local sign - --family webhook --url http://127.0.0.1:8080 | sh
	` + webhookSecretVariable + `=whsec_... go run ./cmd/local sign body.json --url https://ID.execute-api.REGION.amazonaws.com | sh`
}

// Run prints the headers or the command.
func (s *signCommand) Run(c *console, g *Globals) error {
	body, err := readInput(c, s.File, "the body")
	if err != nil {
		return err
	}
	family := s.Family
	if e, ok := parseHTTPEvent(body); ok {
		if body, err = e.body(); err != nil {
			return err
		}
		family = cmp.Or(family, e.family())
	}
	key := g.WebhookSecret
	if key.Empty() {
		key = sensitive.New(c.environ[webhookSecretVariable])
	}
	signed, err := signNow(c, key, family, s.ID, body)
	if err != nil {
		return err
	}
	if s.URL == "" {
		for _, name := range slices.Sorted(maps.Keys(signed)) {
			c.stdout.printf("%s: %s\n", name, signed[name])
		}
		return nil
	}
	command, err := curl(s.URL, signed, body)
	if err != nil {
		return err
	}
	out := io.Writer(c.stdout)
	if !c.stdout.terminal {
		out = c.stdout.asIs() // for a shell: the body must stay what was signed
	}
	_, err = fmt.Fprintln(out, command)
	return err
}

// signNow returns the headers that make a body a signed webhook. An empty key stands for the development
// one, the family "" for svix, and the ID "" for a new one.
func signNow(c *console, key sensitive.String, family, id string, body []byte) (map[string]string, error) {
	if key.Empty() {
		key = sensitive.New(developmentWebhookSecret)
	}
	c.hide(key)
	if id == "" {
		id = "msg_" + rand.Text()
	}
	if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, usagef("--id: an ID has printable ASCII characters only, without spaces")
	}
	header, err := auth.Sign(key, id, time.Now(), body)
	if err != nil {
		return nil, usagef("cannot sign: %v", err)
	}
	return inFamily(cmp.Or(family, "svix"), header), nil
}

// inFamily returns the headers of a signature with the names of a family, in lower case.
func inFamily(family string, header http.Header) map[string]string {
	named := make(map[string]string, len(header))
	for name := range header {
		_, part, _ := strings.Cut(strings.ToLower(name), "-")
		named[family+"-"+part] = header.Get(name)
	}
	return named
}

// curl returns the shell command that sends a signed body.
func curl(to string, signed map[string]string, body []byte) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usagef("--url: it must begin with http:// or https:// and have a host")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/webhooks"
	}
	if len(body) > maxArgument || !utf8.Valid(body) || strings.ContainsRune(string(body), 0) {
		return "", usagef("the body does not fit on a command line: leave --url out, and give curl the headers with -H @FILE")
	}
	parts := []string{"curl -sS " + quoted(u.String()), "-H 'content-type: application/json'"}
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		parts = append(parts, "-H "+quoted(name+": "+signed[name]))
	}
	return strings.Join(append(parts, "--data-raw "+quoted(string(body))), " \\\n  "), nil
}

// quoted returns a text quoted for a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
