package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// maxEvent is the largest event that Lambda takes in a synchronous invocation.
const maxEvent = 6 << 20

// exampleCommand is what happens without a command.
type exampleCommand struct {
	JSON bool `name:"json" help:"Print the function's answer alone."`
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
	go run ./cmd/local --auth token               # the event shows no token: 401
	go run ./cmd/local example --json | jq -r .body | jq .failed_sources`
}

// Run runs the example.
func (e *exampleCommand) Run(ctx context.Context, c *console, g *Globals) error {
	if g.Live {
		return usagef("--live needs a command: the example's user is the simulator's")
	}
	return report(ctx, c, g, exampleEvent(g.Timeout), e.JSON, nil)
}

// exampleEvent is the event of a request to the mirror route; timeout "" is 30.
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

// invokeCommand runs an event from a file.
type invokeCommand struct {
	File  string `arg:"" help:"The event, as JSON; - is standard input."`
	JSON  bool   `name:"json" help:"Print the function's answer alone, for pipes."`
	Queue bool   `help:"Give the function a queue and a bus, as serve does, and work on what it queues until nothing is left but what waits to come back. Documents with many users are queued; all_users needs it."`
	Sign  bool   `help:"Sign the body of an HTTP event anew, in place of the event's own signature, and let in who signs (--auth signature,token, unless another is said)."`
}

// Help is shown by kong.
func (invokeCommand) Help() string {
	return `The event may be of any trigger: API Gateway (HTTP and REST API), a function URL, EventBridge, SQS, a direct
call. events/ has one of each. The function gets it as from Lambda: with a deadline (--lambda-timeout), a request
ID, and its error, if it returns one, in the form that Lambda gives it.

Exit status: 0 where the event was served or ignored; 1 where the answer is a failure to the event's sender: a
Lambda error, "success": false, an HTTP status of 400 or more, a failed user, a message that goes back to its queue.

Without --queue every refresh is made in the one invocation, and nothing is published. With it standard error has a
line for all that is queued, worked on and published, and the end says how many users came to what.

Examples:

	go run ./cmd/local invoke events/http-api.json
	go run ./cmd/local invoke events/sqs.json --fault 429
	go run ./cmd/local invoke events/http-api-junction-webhook.json --auth signature  # stale: 401
	go run ./cmd/local invoke events/http-api-junction-webhook.json --sign
	go run ./cmd/local invoke events/direct.json --lambda-timeout 6s
	go run ./cmd/local invoke --json events/direct-many.json | jq .summary
	echo '{"client_user_id": "app-user-completed"}' | go run ./cmd/local invoke -
	echo '{"all_users": true}' | go run ./cmd/local invoke --queue -
	JUNCTION_API_KEY=... go run ./cmd/local invoke --live my-event.json`
}

// Run runs the event.
func (i *invokeCommand) Run(ctx context.Context, c *console, g *Globals) error {
	event, err := readEvent(c, i.File)
	if err != nil {
		return err
	}
	if i.Sign {
		if event, err = resigned(c, g, event); err != nil {
			return err
		}
		if g.Auth == "" {
			g.Auth = "signature,token"
		}
	}
	var later *flow
	if i.Queue {
		later = newFlow(c.stderr, g.LambdaTimeout, 0)
	}
	return report(ctx, c, g, event, i.JSON, later)
}

func readEvent(c *console, name string) ([]byte, error) {
	event, err := readInput(c, name, "the event")
	if err != nil {
		return nil, err
	}
	if !json.Valid(event) {
		return nil, usagef("the event in %s is not JSON, which Lambda refuses before the function sees it", name)
	}
	return bytes.TrimSpace(event), nil
}

// readInput reads a file, or standard input where it is named "-".
func readInput(c *console, name, what string) ([]byte, error) {
	in := c.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("cannot read %s: %v", what, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxEvent+1))
	switch {
	case err != nil:
		return nil, usagef("cannot read %s: %v", what, err)
	case len(text) > maxEvent:
		return nil, usagef("%s is over 6 MiB, which is more than Lambda takes", what)
	}
	return text, nil
}
