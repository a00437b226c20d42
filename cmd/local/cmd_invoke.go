package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// invokeCommand runs an event from a file.
type invokeCommand struct {
	File  string `arg:"" help:"The event, as JSON; - is standard input."`
	JSON  bool   `name:"json" help:"Print only the function's answer, for pipes."`
	Queue bool   `help:"Give the function a queue and a bus, as serve does, and process what it queues, looks of follow-ups too, until only messages are left that wait to be retried. Documents with many users are queued; all_users needs it."`
	Sign  bool   `help:"Replace the signature of an HTTP event by a new one, and let signed webhooks in (--auth signature,token, unless --auth says otherwise)."`
}

// Help is shown by kong.
func (invokeCommand) Help() string {
	return `The event may be of any trigger: API Gateway (HTTP and REST API), a function URL, EventBridge, SQS, a direct
call. events/ has one of each. The function receives it as from Lambda: with a deadline (--lambda-timeout) and a
request ID; its error, if it returns one, has the form that Lambda gives it.

Exit status: 0 if the event was served or ignored; 1 if the answer is a failure to the event's sender: a
Lambda error, "success": false, an HTTP status of 400 or more, a failed user, a message that returns to its queue.

Without --queue every refresh is made in the one invocation, and nothing is published. With it standard error has a
line for everything that is queued, processed and published, and the end says what became of how many users. A refresh
that is in progress is followed up, and the command waits for its end, or for Ctrl-C. The pauses of FOLLOW_UP suit the
simulator's --speed (1s, 2s, 3s, 6s and 12s at 50); --config FOLLOW_UP=1s,2s,4s sets others, FOLLOW_UP=off none.

Examples:

	go run ./cmd/local invoke events/http-api.json
	go run ./cmd/local invoke events/sqs.json --fault 429
	go run ./cmd/local invoke events/http-api-junction-webhook.json --auth signature  # stale: 401
	go run ./cmd/local invoke events/http-api-junction-webhook.json --sign
	go run ./cmd/local invoke events/direct.json --lambda-timeout 6s
	go run ./cmd/local invoke --json events/direct-many.json | jq .summary
	echo '{"client_user_id": "app-user-completed"}' | go run ./cmd/local invoke -
	echo '{"all_users": true}' | go run ./cmd/local invoke --queue -
	echo '{"client_user_id": "app-user-slow"}' | go run ./cmd/local invoke --queue -
	JUNCTION_API_KEY=... go run ./cmd/local invoke --live my-event.json`
}

// Run runs the event.
func (i *invokeCommand) Run(ctx context.Context, c *console, g *Globals) error {
	event, err := readEvent(c, i.File)
	if err != nil {
		return err
	}
	if i.Sign {
		if event, err = signAgain(c, g, event); err != nil {
			return err
		}
		if g.Auth == "" {
			g.Auth = "signature,token"
		}
	}
	if i.Queue {
		return invokeWithQueue(ctx, c, g, event, i.JSON)
	}
	return invokeOnce(ctx, c, g, event, i.JSON)
}

// invokeOnce runs one event and prints what happened, or only the answer. It returns errFailed if the
// answer is a failure to the event's sender.
func invokeOnce(ctx context.Context, c *console, g *Globals, event []byte, answerOnly bool) error {
	f, err := openRecorded(c, g, nil)
	if err != nil {
		return err
	}
	defer f.close()
	succeeded, err := f.invokeAndPrint(ctx, c, event, answerOnly)
	if err != nil {
		return err
	}
	if !succeeded {
		return errFailed
	}
	return nil
}

// invokeWithQueue is invokeOnce, and then invokes the function with what it has queued. It returns errFailed
// too if that fails, or is to be retried.
func invokeWithQueue(ctx context.Context, c *console, g *Globals, event []byte, answerOnly bool) error {
	q := newLocalQueue(c.stderr, g.LambdaTimeout, 0)
	f, err := openRecorded(c, g, q)
	if err != nil {
		return err
	}
	defer f.close()
	began := time.Now()
	succeeded, err := f.invokeAndPrint(ctx, c, event, answerOnly)
	if err != nil {
		return err
	}
	if err := q.drain(ctx, f); err != nil {
		return err
	}
	out := c.stdout
	if answerOnly {
		out = c.stderr
	}
	if !printQueueSummary(out, q, time.Since(began)) || !succeeded {
		return errFailed
	}
	return nil
}

// invokeAndPrint runs one event, and reports whether its sender was served. The error is errInterrupted.
func (f *function) invokeAndPrint(ctx context.Context, c *console, event []byte, answerOnly bool) (succeeded bool, err error) {
	ctx, r := record(ctx)
	answer, err := f.invoke(ctx, event)
	var failed *awstest.FunctionError
	if err != nil && !errors.As(err, &failed) {
		return false, err
	}
	switch {
	case answerOnly && failed != nil:
		c.stdout.printf("%s\n", encode(failed))
	case answerOnly:
		c.stdout.printf("%s\n", answer)
	default:
		trigger, results := r.recorded()
		printEvent(c.stdout, event, trigger)
		printCalls(c.stdout, f.exchanges, results)
		if failed != nil {
			printError(c.stdout, failed)
		} else {
			printAnswer(c.stdout, answer)
		}
	}
	return failed == nil && served(answer), nil
}

// served reports whether an answer tells the event's sender that it was served: see the help of invoke.
func served(answer []byte) bool {
	var body struct {
		StatusCode        int                  `json:"statusCode"`
		Body              string               `json:"body"`
		Success           *bool                `json:"success"`
		Summary           struct{ Failed int } `json:"summary"`
		BatchItemFailures []json.RawMessage    `json:"batchItemFailures"`
	}
	if json.Unmarshal(answer, &body) != nil || body.StatusCode >= http.StatusBadRequest {
		return false
	}
	if body.StatusCode != 0 {
		return served([]byte(body.Body))
	}
	return (body.Success == nil || *body.Success) && body.Summary.Failed == 0 && len(body.BatchItemFailures) == 0
}
