package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// serveCommand is an HTTP server in front of the function.
type serveCommand struct {
	Addr     string `arg:"" default:"127.0.0.1:8080" help:"Where to listen; port 0 is any free one."`
	AddrFile string `placeholder:"FILE" help:"Write the server's URL to this file once it listens, for scripts."`
}

// Help is shown by kong.
func (serveCommand) Help() string {
	return `Each request becomes the event that an API Gateway HTTP API makes of it (payload 2.0), and the function's
answer becomes the response. API Gateway's own limits hold: 10 MB (413), 30 s (503), 500 where the function fails.
Nobody is asked who they are (CALLER_AUTH=none), so keep to a loopback address. One line per request is
written to standard error. Ctrl-C lets the requests under way finish; a second one does not.

Examples:

	go run ./cmd/local serve
	go run ./cmd/local serve 127.0.0.1:0 --addr-file /tmp/url
	go run ./cmd/local serve --fault 503:2 --verbose
	JUNCTION_API_KEY=... go run ./cmd/local serve --live

	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?timeout=30'

Junction's own SDKs work with http://127.0.0.1:8080 as their base URL and any text as their key.`
}

// Run serves until ctx ends.
func (s *serveCommand) Run(ctx context.Context, c *console, g *Globals) error {
	f, err := open(c, g, false)
	if err != nil {
		return err
	}
	defer f.close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return usagef("cannot serve: %v", err)
	}
	url := "http://" + listener.Addr().String()
	if s.AddrFile != "" {
		if err := os.WriteFile(s.AddrFile, []byte(url+"\n"), 0o600); err != nil {
			_ = listener.Close()
			return usagef("--addr-file: %v", err)
		}
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		c.stderr.printf("warning: %s can be reached from outside, and whoever does can refresh any user\n", s.Addr)
	}
	s.greet(c, g, url)

	server := &http.Server{
		Handler:           &gateway{invoke: f.invoke, timeout: gatewayTimeout, log: c.stderr},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(c.stderr, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	c.stderr.printf("finishing the requests under way\n")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatewayTimeout+time.Second)
	defer cancel()
	return server.Shutdown(last)
}

// greet says where the server listens and what to send it.
func (s *serveCommand) greet(c *console, g *Globals, url string) {
	junction, user := "the simulator", junctiontest.DefaultUserID
	if g.Live {
		junction, user = "the real API", "USER_ID"
	}
	c.stdout.printf("Listening on %s as an API Gateway HTTP API does; Junction is %s. Ctrl-C ends it.\n\n", url, junction)
	c.stdout.printf("%s\n  curl -X POST '%s/v2/user/refresh/%s?timeout=30'\n\n", c.stdout.style(bold, "Refresh a user:"), url, user)
	c.stdout.printf("%s\n  curl '%s/webhooks' -H 'content-type: application/json' \\\n    -d '{\"user_id\":\"%s\",\"timeout\":10}'\n\n",
		c.stdout.style(bold, "Be an app's webhook:"), url, user)
	if g.Live {
		return
	}
	c.stdout.printf("%s\n", c.stdout.style(bold, "See other answers:"))
	for _, other := range []struct{ says, user, query string }{
		{"200, all sources refreshed", junctiontest.CompletedUserID, ""},
		{"202, still going on", junctiontest.SlowUserID, "?timeout=5"},
		{"400, no connected source", junctiontest.NoSourcesUserID, ""},
		{"404, no such user", junctiontest.UnknownUserID, ""},
		{"422, not a UUID", "me", ""},
	} {
		c.stdout.printf("  curl -X POST '%s/v2/user/refresh/%s%s'  # %s\n", url, other.user, other.query, other.says)
	}
}
