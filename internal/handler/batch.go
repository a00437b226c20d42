package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
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
	// maxRequestID is the longest request ID that a message is believed to have; Lambda's have 36 bytes.
	maxRequestID = 64
)

// requestIDLetters are what a request ID is made of: Lambda's are UUIDs.
const requestIDLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// republishAfter is when a message whose result could not be published comes back, by how often it was
// received: soon, so that its result is still remembered and its user not refreshed again. After that
// the bus is down for longer, and the queue's own visibility timeout holds.
var republishAfter = map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second}

// batch is the messages of one invocation and which of them are to come back. It is safe for concurrent
// use.
type batch struct {
	*Handler
	ctx      context.Context //nolint:containedctx // of the invocation, as long as which it lives
	messages []events.SQSMessage
	box      *outbox

	mu     sync.Mutex
	failed map[int]*result.Failure // by the message's place
}

// settle logs what came of a message, publishes it where it is final, and has the message come back
// where it is not, or cannot be published.
func (b *batch) settle(i int, from invocation, out result.Result) {
	b.finish(b.ctx, from, out)
	if retryable(out) {
		b.fail(i, out.Failure())
		return
	}
	b.box.publish(letter{in: from, out: out, handle: b.messages[i].ReceiptHandle, failed: func(f *result.Failure) { b.fail(i, f) }})
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
	budget := in.budget(0)
	b := &batch{Handler: h, ctx: ctx, messages: event.Records, failed: map[int]*result.Failure{}, box: h.newOutbox(ctx, budget)}
	var one []refresh.Request // users who are refreshed here
	var owners []int          // owners[i] is the message that one[i] came with
	var others []func()       // what else the messages ask for
	origins := make([]invocation, len(b.messages))
	for i, m := range b.messages {
		d, from, err := h.readMessage(in, m)
		origins[i] = from
		switch {
		case err != nil: // nothing in it will be better next time
			others = append(others, func() { b.settle(i, from, from.stamp(result.FromFailure("", result.AsFailure(err)))) })
		case d.ignored:
			h.finish(ctx, from, from.stamp(d.ignoredResult()))
		case h.queues(d, false):
			others = append(others, func() {
				if f := h.spread(ctx, from, d, budget); f != nil {
					b.settle(i, from, from.stamp(result.FromFailure("", f)))
				}
			})
		default:
			for _, r := range from.requests(d, budget) {
				one, owners = append(one, r), append(owners, i)
			}
		}
	}
	var beside sync.WaitGroup
	beside.Go(func() { inParallel(others) })
	h.refresher.All(ctx, one, func(i int, out result.Result) { b.settle(owners[i], origins[owners[i]], out) })
	beside.Wait()
	b.box.wait()
	h.delay(ctx, budget, b)
	return json.Marshal(b.answer())
}

// inParallel does a few things at a time.
func inParallel(things []func()) {
	var group errgroup.Group
	group.SetLimit(fanOuts)
	for _, do := range things {
		group.Go(func() error {
			do()
			return nil
		})
	}
	_ = group.Wait() // none returns an error
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
	// Whoever may send a message may write anything into it, and this goes into the log and on.
	if id := o.text("request_id"); id != "" && len(id) <= maxRequestID && strings.Trim(id, requestIDLetters) == "" {
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
