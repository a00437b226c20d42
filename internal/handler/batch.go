package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// fanOuts is how many messages with many users are spread over the queue at once.
	fanOuts = 4
	// maxDelay is the longest that a message is kept out of sight: SQS counts 12 hours from its receipt.
	maxDelay = 11*time.Hour + 45*time.Minute
	// maxRequestID is the most of a message's request ID that is believed, in bytes.
	maxRequestID = 128
)

// republishAfter is when a message whose result could not be published comes back, by how often it was
// received: soon, so that its result is still remembered and its user not refreshed again. After that
// the bus is down for longer, and the queue's own visibility timeout holds.
var republishAfter = map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second}

// batch is the messages of one invocation and which of them are to come back. It is safe for concurrent
// use.
type batch struct {
	messages []events.SQSMessage
	mu       sync.Mutex
	failed   map[int]*result.Failure // by the message's place
}

func (b *batch) fail(i int, f *result.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[i] = f
}

// serveQueue does what a batch of SQS messages asks for, each message on its own, and returns the
// messages that are to come back. Where all fail all are listed: an error instead would slow the event
// source mapping down.
func (h *Handler) serveQueue(ctx context.Context, in invocation, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return h.refuse(ctx, in, result.FailFor(result.Internal, "the event is not an SQS batch", err))
	}
	b := &batch{messages: event.Records, failed: map[int]*result.Failure{}}
	budget := in.budget(0)
	box := h.newOutbox(ctx, budget)
	// settle brings a message back whose result is not final, and publishes it otherwise.
	settle := func(i int, from invocation, out result.Result) {
		if retryable(out) {
			b.fail(i, out.Failure())
			return
		}
		box.publish(from, out, func(f *result.Failure) { b.fail(i, f) })
	}
	var spreading errgroup.Group
	spreading.SetLimit(fanOuts)
	var requests []refresh.Request
	var owners []int // owners[i] is the message that requests[i] came with
	origins := make([]invocation, len(b.messages))
	for i, m := range b.messages {
		d, from, err := h.readMessage(in, m)
		origins[i] = from
		switch {
		case err != nil: // nothing in it will be better next time
			out := from.stamp(result.FromFailure("", result.AsFailure(err)))
			h.finish(ctx, from, out)
			settle(i, from, out)
		case d.ignored:
			h.finish(ctx, from, from.stamp(d.ignoredResult()))
		case h.queues(d, false):
			spreading.Go(func() error {
				if f := h.spread(ctx, from, d, budget); f != nil {
					out := from.stamp(result.FromFailure("", f))
					h.finish(ctx, from, out)
					settle(i, from, out)
				}
				return nil
			})
		default:
			for _, one := range from.requests(d, budget) {
				requests, owners = append(requests, one), append(owners, i)
			}
		}
	}
	h.refresher.All(ctx, requests, func(i int, out result.Result) {
		owner := owners[i]
		h.finish(ctx, origins[owner], out)
		settle(owner, origins[owner], out)
	})
	_ = spreading.Wait() // none returns an error
	box.wait()
	h.delay(ctx, budget, b)
	return json.Marshal(b.answer())
}

// readMessage reads a message: a refresh document, or an EventBridge event with one in it. It returns
// what is known of where the message comes from, too.
func (h *Handler) readMessage(in invocation, m events.SQSMessage) (document, invocation, error) {
	if header := m.Attributes["AWSTraceHeader"]; header != "" {
		in.traceHeader = header
	}
	raw := []byte(m.Body)
	o, ok := parseObject(raw)
	if ok && isEnvelope(o) {
		if o.text("source") == OwnSource {
			return document{ignored: true}, in, nil
		}
		d, err := h.reader.read(o["detail"], false)
		return d, in, err
	}
	if id := o.text("request_id"); id != "" && len(id) <= maxRequestID {
		in.requestID = id
	}
	if t := Trigger(o.text("trigger")); t.known() {
		in.origin = t
	}
	d, err := h.reader.read(raw, false)
	return d, in, err
}

// spread puts the users of a message with many on the queue.
func (h *Handler) spread(ctx context.Context, in invocation, d document, budget refresh.Budget) (f *result.Failure) {
	defer func() { // a panic here would take the neighbours along
		if cause := recover(); cause != nil {
			f = panicked(cause)
		}
	}()
	if _, err := h.enqueue(ctx, in, d, budget); err != nil {
		return result.AsFailure(err)
	}
	return nil
}

// delay keeps messages out of sight until they can succeed. Where that fails, they come back when the
// queue's visibility timeout says so.
func (h *Handler) delay(ctx context.Context, budget refresh.Budget, b *batch) {
	if h.options.Queue == nil {
		return
	}
	var delays []Delay
	for i, f := range b.failed {
		wait := f.RetryAfter
		switch f.Code {
		case result.RateLimited:
		case result.PublishFailed:
			received, _ := strconv.Atoi(b.messages[i].Attributes["ApproximateReceiveCount"])
			wait = republishAfter[received]
		default:
			continue
		}
		if wait > 0 && b.messages[i].ReceiptHandle != "" {
			whole := time.Duration(int64((wait+time.Second-1)/time.Second)) * time.Second
			delays = append(delays, Delay{ReceiptHandle: b.messages[i].ReceiptHandle, For: min(whole, maxDelay)})
		}
	}
	if len(delays) == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering/2))
	defer cancel()
	if err := h.options.Queue.Delay(ctx, delays); err != nil {
		h.options.Log.WarnContext(ctx, "messages could not be delayed; they come back at the queue's visibility timeout", slog.String("cause", err.Error()))
	}
}

// answer lists the messages that are to come back, and nothing that did not come in.
func (b *batch) answer() events.SQSEventResponse {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, m := range b.messages {
		if b.failed[i] != nil && m.MessageId != "" { // an empty ID would bring the whole batch back
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return answer
}
