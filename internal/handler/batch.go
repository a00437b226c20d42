package handler

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// fanOuts is how many messages with many users are queued again at once, as one message per user.
	fanOuts = 4
	// maxTraceHeader is the longest X-Ray header that a message is believed to have, in bytes. X-Ray's own have
	// about 100; SQS and EventBridge refuse long ones.
	maxTraceHeader = 500
	// maxDelay is the longest that a message is delayed: SQS allows 12 hours from its receipt.
	maxDelay = 11*time.Hour + 45*time.Minute
)

// republishAfter is the delay of a message whose result could not be published, by the number of its
// receipts: short, so that the result is still stored and the user is not refreshed again. After that the
// bus is down for longer, and the queue's own visibility timeout applies.
var republishAfter = map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second}

// quotaAfter is the delay of a message that waits for the quota's table, by the number of its receipts before
// this one. The last delay is that of all further receipts.
var quotaAfter = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}

// batch is the messages of one invocation, and which of them failed. It is safe for concurrent use.
type batch struct {
	messages []batchMessage
	observer observe.Observer
	box      *outbox.Outbox

	mu     sync.Mutex
	failed map[int]*result.Failure // by the message's index
}

type batchMessage struct {
	events.SQSMessage
	in invocation
}

// finish reports a message's result. It publishes the result if it is final; if it is not, or cannot be
// published, the message has failed.
func (b *batch) finish(ctx context.Context, i int, out result.Result) {
	m := b.messages[i]
	b.observer.Refreshed(ctx, m.in.Origin, out)
	if retryable(out) {
		b.fail(i, out.Failure())
		return
	}
	b.box.Publish(outbox.Item{
		Origin: m.in.Origin, Result: out, ReceiptHandle: m.ReceiptHandle,
		Failed: func(f *result.Failure) { b.fail(i, f) },
	})
}

func (b *batch) fail(i int, f *result.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed[i] = f
}

// serveBatch processes a batch of SQS messages, each on its own, and returns the messages that failed. If
// all fail, all are listed: an error instead would slow the event source mapping down.
func (h *Handler) serveBatch(ctx context.Context, in invocation, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return h.refuse(ctx, in, result.FailFor(result.Internal, "the event is not an SQS batch", err))
	}
	budget := in.budget(0)
	b := &batch{observer: h.options.Observer, box: h.openOutbox(ctx, budget), failed: map[int]*result.Failure{}}
	var requests []refresh.Request
	var owners []int       // owners[i] is the index of the message of requests[i]
	var otherWork []func() // for the messages that are not refreshed here
	for i, message := range event.Records {
		d, from, err := h.readMessage(in, message)
		b.messages = append(b.messages, batchMessage{message, from})
		switch {
		case err != nil: // the document will not be better next time
			otherWork = append(otherWork, func() { b.finish(ctx, i, from.failed(err)) })
		case d.Ignored:
			h.ignore(ctx, from, d)
		case d.Many && h.options.Queue != nil:
			otherWork = append(otherWork, func() {
				if err := h.fanOut(ctx, from, d, budget); err != nil {
					b.finish(ctx, i, from.failed(err))
				}
			})
		default:
			for _, request := range from.requests(d, budget) {
				request.CanWait = true
				requests, owners = append(requests, request), append(owners, i)
			}
		}
	}
	var working sync.WaitGroup
	working.Go(func() { inParallel(otherWork) })
	h.refresher.All(ctx, requests, func(i int, out result.Result) { b.finish(ctx, owners[i], out) })
	working.Wait()
	b.box.Close()
	if h.options.Queue != nil {
		h.delay(ctx, b.delays(), budget)
	}
	return encode(b.answer()), nil
}

// inParallel runs functions, a few at a time.
func inParallel(functions []func()) {
	var group errgroup.Group
	group.SetLimit(fanOuts)
	for _, f := range functions {
		group.Go(func() error {
			f()
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// readMessage reads a message's document, and where the message came from.
func (h *Handler) readMessage(in invocation, m events.SQSMessage) (document.Document, invocation, error) {
	d, from, err := h.reader.ReadMessage(m.Body)
	if header := m.Attributes["AWSTraceHeader"]; header != "" && len(header) <= maxTraceHeader {
		in.TraceHeader = header
	}
	in.RequestID = cmp.Or(from.RequestID, in.RequestID)
	if from.Trigger != in.Trigger {
		in.QueuedBy = from.Trigger
	}
	return d, in, err
}

// fanOut queues the users of a message with many, one message per user.
func (h *Handler) fanOut(ctx context.Context, in invocation, d document.Document, budget refresh.Budget) (err error) {
	defer func() { // a panic here would fail the other messages too
		if cause := recover(); cause != nil {
			err = result.FromPanic(cause)
		}
	}()
	_, err = h.enqueueMany(ctx, in, d, budget)
	return err
}

// delays returns the delays of the failed messages that can succeed at a known time.
func (b *batch) delays() []Delay {
	var delays []Delay
	for i, f := range b.failed {
		m, wait := b.messages[i], f.RetryAfter
		received, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		switch f.Code {
		case result.RateLimited:
		case result.InFlight:
			wait += time.Second // for what the other refresh still has to do
		case result.QuotaUnavailable:
			wait = quotaAfter[min(max(received, 1), len(quotaAfter))-1]
		case result.PublishFailed:
			wait = republishAfter[received]
		default:
			continue
		}
		if wait > 0 && m.ReceiptHandle != "" {
			seconds := (wait + time.Second - 1).Truncate(time.Second)
			delays = append(delays, Delay{ReceiptHandle: m.ReceiptHandle, For: min(seconds, maxDelay)})
		}
	}
	return delays
}

// delay delays failed messages. If that fails, they become visible again at the queue's visibility timeout.
func (h *Handler) delay(ctx context.Context, delays []Delay, budget refresh.Budget) {
	if len(delays) == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering/2))
	defer cancel()
	if err := h.options.Queue.Delay(ctx, delays); err != nil {
		h.options.Log.WarnContext(ctx, "messages could not be delayed; they are retried at the queue's visibility timeout", slog.String("cause", err.Error()))
	}
}

// answer lists the failed messages. It lists no message without an ID: an empty ID would fail the whole
// batch.
func (b *batch) answer() events.SQSEventResponse {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, m := range b.messages {
		if b.failed[i] != nil && m.MessageId != "" {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return answer
}
