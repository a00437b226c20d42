package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// longPoll is how long the worker's receives wait, as Lambda's own do.
const longPoll = 20 * time.Second

// serveCommand is an HTTP server in front of the function.
type serveCommand struct {
	Addr     string `arg:"" default:"127.0.0.1:8080" help:"Where to listen; port 0 is any free one."`
	AddrFile string `placeholder:"FILE" help:"Write the server's URL to this file once it listens, for scripts."`
}

// Help is shown by kong.
func (serveCommand) Help() string {
	return `Each request becomes the event that an API Gateway HTTP API makes of it (payload 2.0), and the function's
answer becomes the response. API Gateway's own limits hold: 10 MB (413), 30 s (503), 500 where the function fails.

A queue, its worker and a bus are in this process too: requests to /webhooks, with many users, or with
Prefer: respond-async are answered 202, queued, handed to the function again in batches, and their results published.
A message that fails comes back after 6 times --lambda-timeout, or when the function says, 5 times at most. With
--config REFRESH_QUEUE_URL= there is no queue, as in a function without one, and with --config RESULT_BUS= no bus.

Nobody is asked who they are (CALLER_AUTH=none), so keep to a loopback address; with --auth they are, and what to
send is shown at start. Standard error has one line per request, and per step of what is done later. Ctrl-C lets
what is under way finish and says what is still queued; a second one does not.

Examples:

	go run ./cmd/local serve
	go run ./cmd/local serve 127.0.0.1:0 --addr-file /tmp/url
	go run ./cmd/local serve --fault 503:2 --verbose
	go run ./cmd/local serve --auth signature,token
	go run ./cmd/local serve --config REFRESH_QUEUE_URL=
	JUNCTION_API_KEY=... go run ./cmd/local serve --live

	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?timeout=30'
	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537' \
	  -H 'authorization: Bearer ` + developmentToken + `'
	curl -X POST -H 'prefer: respond-async' http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537
	curl http://127.0.0.1:8080/webhooks --json '{"all_users": true}'
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080 | sh

Junction's own SDKs work with http://127.0.0.1:8080 as their base URL and, as their key, the token of --auth or
without it any text.`
}

// Run serves until ctx ends.
func (s *serveCommand) Run(ctx context.Context, c *console, g *Globals) error {
	later := newFlow(c.stderr, g.LambdaTimeout, longPoll)
	f, err := open(c, g, false, later)
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
		c.stderr.printf("warning: %s can be reached from outside, and whoever %s can refresh any user\n", s.Addr, g.whoGetsIn())
	}
	greet(c, g, url)
	stopWorker := later.worker(f)

	server := &http.Server{
		Handler:           &awstest.Gateway{Function: f.mapped, OnResponse: c.printResponse},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(c.stderr, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		stopWorker()
		return err
	case <-ctx.Done():
	}
	c.stderr.printf("finishing what is under way\n")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), awstest.GatewayTimeout+time.Second)
	defer cancel()
	err = server.Shutdown(last)
	stopWorker() // after the requests, which may queue more
	if left := later.queue.Len(); left > 0 {
		c.stderr.printf("%s still queued, and lost with this process\n", counted(left, "message"))
	}
	return err
}

// printResponse shows a request and its status in one line.
func (c *console) printResponse(r *http.Request, status int, began time.Time) {
	// RequestURI is encoded, so that no request can forge a line.
	c.stderr.printf("%s %s %s %d %s\n", began.Format(time.TimeOnly), r.Method, r.URL.RequestURI(), status, duration(time.Since(began)))
}
