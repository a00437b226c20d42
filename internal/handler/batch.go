package handler

import (
	"cmp"
	"context"
	"encoding/json"
	"runtime/debug"
	"sync"

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
	// maxLooks is how many follow-ups look at their sources at once.
	maxLooks = 50
	// maxTraceHeader is the longest X-Ray header that a message is believed to have, in bytes. X-Ray's own have
	// about 100; SQS and EventBridge refuse long ones.
	maxTraceHeader = 500
	// usualGC is the garbage collector's GOGC without a batch, and Go's default.
	usualGC = 100
)

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
	b.observer.Refreshed(ctx, b.messages[i].in.Origin, out)
	if f := out.Failure(); f != nil && f.Requeue() {
		b.fail(i, f)
		return
	}
	b.publish(i, out)
}

// finishLook reports the end of a follow-up and publishes it. If another look is queued, end is nil.
func (b *batch) finishLook(ctx context.Context, i int, end *result.Result, err error) {
	m := b.messages[i]
	switch {
	case err != nil:
		b.fail(i, result.AsFailure(err))
	case end != nil:
		b.observer.Settled(ctx, m.in.Origin, *end)
		b.publish(i, *end)
	}
}

func (b *batch) publish(i int, out result.Result) {
	m := b.messages[i]
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
	debug.SetGCPercent(batchGC(len(event.Records)))
	defer debug.SetGCPercent(usualGC)
	budget := in.budget(0)
	b := &batch{observer: h.options.Observer, box: h.openOutbox(ctx, budget), failed: map[int]*result.Failure{}}
	var requests []refresh.Request
	var owners []int              // owners[i] is the index of the message of requests[i]
	var looks, otherWork []func() // for the messages that are not refreshed here
	for i, message := range event.Records {
		m, from, err := h.readMessage(in, message)
		b.messages = append(b.messages, batchMessage{message, from})
		switch {
		case err != nil: // the document will not be better next time
			otherWork = append(otherWork, func() { b.finish(ctx, i, from.failed(err)) })
		case m.FollowUp != nil:
			looks = append(looks, func() {
				end, err := h.lookAgain(ctx, from, *m.FollowUp, budget)
				b.finishLook(ctx, i, end, err)
			})
		case m.Ignored:
			h.ignore(ctx, from, m.Document)
		case m.Many && h.options.Queue != nil:
			otherWork = append(otherWork, func() {
				err := withoutPanic(func() error {
					_, err := h.enqueueMany(ctx, from, m.Document, budget) // one message per user
					return err
				})
				if err != nil {
					b.finish(ctx, i, from.failed(err))
				}
			})
		default:
			for _, request := range from.requests(m.Document, budget) {
				request.CanWait = true
				requests, owners = append(requests, request), append(owners, i)
			}
		}
	}
	var working sync.WaitGroup
	working.Go(func() { inParallel(fanOuts, otherWork) })
	working.Go(func() { inParallel(maxLooks, looks) })
	h.refreshEach(ctx, requests, func(i int) invocation { return b.messages[owners[i]].in }, func(i int, out result.Result) { b.finish(ctx, owners[i], out) })
	working.Wait()
	b.box.Close()
	if h.options.Queue != nil {
		h.delay(ctx, b.delays(), budget)
	}
	return encode(b.answer()), nil
}

func inParallel(limit int, functions []func()) {
	var group errgroup.Group
	group.SetLimit(limit)
	for _, f := range functions {
		group.Go(func() error {
			f()
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// batchGC returns the garbage collector's GOGC during a batch. A batch allocates much that is garbage at its end: with
// up to 100 messages, fewer collections save a fifth of the processor time. More messages need more memory
// themselves, and leave less for garbage.
func batchGC(messages int) int { return max(usualGC, min(400, 400*100/max(messages, 1))) }

// readMessage reads a message's document, and where the message came from.
func (h *Handler) readMessage(in invocation, m events.SQSMessage) (document.Received, invocation, error) {
	received, err := h.reader.ReadMessage(m.Body)
	if header := m.Attributes["AWSTraceHeader"]; header != "" && len(header) <= maxTraceHeader {
		in.TraceHeader = header
	}
	if result.IsID(m.MessageId) {
		in.RequestID = m.MessageId
	}
	in.RequestID = cmp.Or(received.RequestID, in.RequestID)
	if received.QueuedBy != in.Trigger {
		in.QueuedBy = received.QueuedBy
	}
	return received, in, err
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
