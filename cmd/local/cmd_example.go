package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// exampleCommand is the command that runs if none is named.
type exampleCommand struct {
	JSON bool `name:"json" help:"Print only the function's answer."`
}

// Help is shown by kong.
func (exampleCommand) Help() string {
	return `The event is POST /v2/user/refresh/{user_id}?timeout=30 as an API Gateway HTTP API delivers it, for a user with
one source that fails. Shown are the event, what the function sent to Junction and was answered, and its
answer. Mind the timeout: 30 s were asked for, and 28 go to Junction, since the gateway hangs up after 30.

Examples:

	go run ./cmd/local
	go run ./cmd/local --timeout 3
	go run ./cmd/local --fault 503:2 --verbose
	go run ./cmd/local --fault html
	go run ./cmd/local --config JUNCTION_API_KEY=sk_us_wrong_key
	go run ./cmd/local --auth token               # the event has no token: 401
	go run ./cmd/local example --json | jq -r .body | jq .failed_sources`
}

// Run runs the example.
func (e *exampleCommand) Run(ctx context.Context, c *console, g *Globals) error {
	if g.Live {
		return usagef("--live needs a command: the example's user is the simulator's")
	}
	return invokeOnce(ctx, c, g, exampleEvent(g.Timeout), e.JSON)
}

// exampleEvent returns the event of a request to the mirror route. The timeout "" is 30.
func exampleEvent(timeout string) []byte {
	if timeout == "" {
		timeout = "30"
	}
	r := &http.Request{
		Method: http.MethodPost, Proto: "HTTP/1.1", Host: "api.example.com", RemoteAddr: "192.0.2.10:50000",
		URL: &url.URL{
			Path:     "/v2/user/refresh/" + junctiontest.DefaultUserID,
			RawQuery: url.Values{"timeout": {timeout}}.Encode(),
		},
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"curl/8.10.1"}},
	}
	return awstest.HTTPAPIEvent(r, nil, uuid.NewString(), time.Now())
}
