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

// receiveWait is how long a receive waits for messages. Lambda's own receives wait as long.
const receiveWait = 20 * time.Second

// serveCommand is an HTTP server in front of the function.
type serveCommand struct {
	Addr     string `arg:"" default:"127.0.0.1:8080" help:"The address to listen on; port 0 is any free one."`
	AddrFile string `placeholder:"FILE" help:"Write the server's URL to this file once it listens, for scripts."`
}

// Help is shown by kong.
func (serveCommand) Help() string {
	return `Each request becomes the event that an API Gateway HTTP API makes of it (payload 2.0), and the function's
answer becomes the response. API Gateway's own limits apply: 10 MB (413), 30 s (503), and 500 if the function fails.

A queue, its worker and a bus are in this process too: requests to /webhooks, with many users, or with
Prefer: respond-async are answered 202, queued, handed to the function again in batches, and their results published.
A message that fails is retried after 6 times --lambda-timeout, or when the function says, and at most 5 times. With
--config REFRESH_QUEUE_URL= there is no queue, as in a function without one, and with --config RESULT_BUS= no bus.

A refresh that is in progress is followed up, whoever asked for it: the function looks at the running sources after
each pause of FOLLOW_UP, and publishes the end. With the simulator the pauses suit its --speed (1s, 2s, 3s, 6s and 12s
at 50), with --live they are the function's own (30s to 10m). --config FOLLOW_UP=1s,2s,4s sets others, and
--config FOLLOW_UP=off follows nothing up.

Callers are not authenticated (CALLER_AUTH=none), so keep to a loopback address; with --auth they are, and what to
send is shown at start. What a web page sends is refused (403): a foreign Origin, or a Host that is not this
computer. Standard error has one line per request, and per step of a queued refresh and of a follow-up. Ctrl-C lets
running invocations finish and says what is still queued; a second Ctrl-C ends the process at once.

Examples:

	go run ./cmd/local serve
	go run ./cmd/local serve 127.0.0.1:0 --addr-file /tmp/url
	go run ./cmd/local serve --fault 503:2 --verbose
	go run ./cmd/local serve --auth signature,token
	go run ./cmd/local serve --config REFRESH_QUEUE_URL=
	go run ./cmd/local serve --speed 10 --fault 503@introspect:1
	JUNCTION_API_KEY=... go run ./cmd/local serve --live

	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?timeout=30'
	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537' \
	  -H 'authorization: Bearer ` + developmentToken + `'
	curl -X POST -H 'prefer: respond-async' http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537
	curl -i -X POST -H 'cache-control: max-age=900' http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537
	curl http://127.0.0.1:8080/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537
	curl -X POST 'http://127.0.0.1:8080/v2/user/refresh/b21c9f0e-6a47-4d83-8e15-90d3c7f2a645?timeout=5'
	curl http://127.0.0.1:8080/webhooks --json '{"all_users": true}'
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080 | sh
	go run ./cmd/local sign events/http-api-junction-webhook-error.json --url http://127.0.0.1:8080 | sh

Junction's own SDKs work with http://127.0.0.1:8080 as their base URL. Their key is the token of --auth, or without
--auth any text.`
}

// Run serves until ctx ends.
func (s *serveCommand) Run(ctx context.Context, c *console, g *Globals) error {
	q := newLocalQueue(c.stderr, g.LambdaTimeout, receiveWait)
	f, err := open(c, g, q)
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
	address := listener.Addr().(*net.TCPAddr) //nolint:forcetypeassert // of a listener on "tcp"
	if !address.IP.IsLoopback() {
		c.stderr.printf("warning: %s can be reached from outside, and %s can refresh any user\n", s.Addr, g.callers())
	}
	printGreeting(c, g, url)
	stopWorker := q.start(f)

	gateway := &awstest.Gateway{Function: f.invoke, OnResponse: c.stderr.printResponse}
	host, _, _ := net.SplitHostPort(s.Addr) // the listener has parsed it
	server := &http.Server{
		Handler:           originGuard{name: host, listen: address.IP, next: gateway},
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
	c.stderr.printf("finishing the running invocations\n")
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), awstest.GatewayTimeout+time.Second)
	defer cancel()
	err = server.Shutdown(shutdown)
	stopWorker() // after the requests, which may queue more
	if left := q.left(); left != "" {
		c.stderr.printf("%s, and lost with this process\n", left)
	}
	return err
}
