package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// queueARN is what the events of the queue of this process say that they come from.
const queueARN = "arn:aws:sqs:us-east-1:123456789012:junction-refresh"

// maxReceives is how often a message is received before it is a dead letter, as in template.yaml.
const maxReceives = 5

// flow is the queue and the bus of this process, and the worker between them. What passes through is
// shown, one line each.
type flow struct {
	queue *sqstest.Queue
	log   *screen

	mu    sync.Mutex
	over  tally
	again int // refreshes that failed and are to be tried again
}

// newFlow returns an empty queue, and a bus, in front of a function with Lambda's timeout. wait is how
// long its worker's receives wait for messages.
func newFlow(log *screen, timeout, wait time.Duration) *flow {
	f := &flow{log: log}
	f.queue = sqstest.NewQueue(sqstest.QueueOptions{
		VisibilityTimeout: 6 * timeout, MaxReceiveCount: maxReceives, WaitTime: wait, OnSend: f.sent, OnDeadLetter: f.died,
	})
	return f
}

// worker starts to hand what is queued to the function. The returned function lets it finish what it
// has received, and waits for that.
func (f *flow) worker(function *function) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.mapping(function).Run(ctx) // errors are of the options: constants
	}()
	return func() {
		cancel()
		<-ended
	}
}

// drain hands what is queued to the function until nothing is left, or all that is left waits for its
// visibility timeout. Where ctx ends, what was received is finished.
func (f *flow) drain(ctx context.Context, function *function) error {
	return f.mapping(function).Drain(ctx)
}

func (f *flow) mapping(function *function) sqstest.EventSourceMapping {
	return sqstest.EventSourceMapping{Source: f.queue, Function: function.mapped, QueueARN: queueARN, Report: f.worked}
}

// mapped is invoke for the event source mapping.
func (f *function) mapped(ctx context.Context, event []byte) ([]byte, error) {
	a, err := f.invoke(ctx, event)
	if err == nil && a.errored {
		var e struct{ ErrorType, ErrorMessage string }
		_ = json.Unmarshal(a.payload, &e) // our own
		err = fmt.Errorf("%s: %s", e.ErrorType, e.ErrorMessage)
	}
	return a.payload, err
}

// Publish implements outbox.Bus.
func (f *flow) Publish(_ context.Context, events []outbox.Event) []error {
	for _, e := range events {
		status := string(e.Result.Status)
		if e.Result.Status == result.Failed {
			status = f.log.style(red, status) + ": " + errorText(e.Result)
		}
		f.line("published", "%s %s", shortUser(e.Result.UserID), status)
	}
	return make([]error, len(events))
}

// tally counts the refreshes that are over.
func (f *flow) tally() tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

func (f *flow) sent(messages []sqstest.Message) {
	switch {
	case len(messages) == 1:
		f.line("queued", "%s", about(messages[0]))
	case strings.Contains(messages[0].Body, `"all_users":true`):
		f.line("queued", "all users, in %d pages", len(messages))
	default:
		f.line("queued", "%d users", len(messages))
	}
}

func (f *flow) died(m sqstest.Message) {
	f.line("dead", "%s, received %s times", about(m), m.Attributes["ApproximateReceiveCount"])
}

// logged counts a refresh that is over, and shows why a message comes back.
func (f *flow) logged(line refreshLine) {
	switch {
	case line.ended == result.Queued || line.ended == result.Ignored:
	case !line.retryable:
		f.mu.Lock()
		f.over.add(line.ended)
		f.mu.Unlock()
	case line.trigger == string(document.SQS):
		f.mu.Lock()
		f.again++
		f.mu.Unlock()
		f.line("failed", "%s %s", shortUser(line.userID), f.log.style(red, line.code))
	}
}

// worked shows what came of a batch.
func (f *flow) worked(o sqstest.Outcome) {
	var ids, back []string
	for _, m := range o.Messages {
		ids = append(ids, short(m.ID))
	}
	for _, m := range o.Remaining {
		at, _ := f.queue.VisibleAt(m.ID)
		back = append(back, fmt.Sprintf("%s in %s", short(m.ID), max(0, time.Until(at).Round(time.Second))))
	}
	came := "done"
	if len(back) > 0 {
		came = fmt.Sprintf("%d done, %d to come back (%s)", len(ids)-len(back), len(back), few(back))
	}
	if o.Err != nil {
		came += ": " + f.log.style(red, o.Err.Error())
	}
	f.line("worker", "batch of %d (%s): %s", len(ids), few(ids), came)
}

// line shows what happened, below the lines of requests.
func (f *flow) line(what, format string, args ...any) {
	f.log.printf("%s %-9s %s\n", time.Now().Format(time.TimeOnly), what, fmt.Sprintf(format, args...))
}

// about says whom a message is about, and which one it is.
func about(m sqstest.Message) string {
	var d struct {
		UserID       string `json:"user_id"`
		ClientUserID string `json:"client_user_id"`
		AllUsers     bool   `json:"all_users"`
		Offset       int    `json:"offset"`
	}
	_ = json.Unmarshal([]byte(m.Body), &d) // the function's own
	whom := shortUser(d.UserID)
	switch {
	case d.AllUsers:
		whom = fmt.Sprintf("all users from %d on", d.Offset)
	case d.UserID == "" && d.ClientUserID != "":
		whom = clientPrefix + printable(d.ClientUserID)
	}
	return fmt.Sprintf("%s (message %s)", whom, short(m.ID))
}

// few names the first of many.
func few(texts []string) string {
	if len(texts) > 3 {
		return strings.Join(texts[:3], ", ") + ", …"
	}
	return strings.Join(texts, ", ")
}

// short is the beginning of a UUID, which tells those of one run apart.
func short(id string) string { return id[:min(8, len(id))] }

func shortUser(id string) string {
	if id == "" {
		return "an unknown user"
	}
	return short(id) + "-…"
}
