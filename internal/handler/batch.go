package handler

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveQueue refreshes what a batch of SQS messages asks for, each message on its own, and returns
// the messages that are to come back. Where all fail all are listed: an error instead would slow the
// event source mapping down.
func (h *Handler) serveQueue(ctx context.Context, in invocation, payload []byte) ([]byte, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return h.refuse(ctx, in, result.FailFor(result.Internal, "the event is not an SQS batch", err))
	}
	budget := in.budget(0)
	var requests []refresh.Request
	var owners []int // owners[i] is the message that requests[i] came with
	for i, message := range batch.Records {
		d, err := h.readMessage(message.Body)
		switch {
		case err != nil: // nothing in it will be better next time
			h.finish(ctx, in, in.stamp(result.FromFailure("", result.AsFailure(err))))
		case d.ignored:
			h.finish(ctx, in, in.stamp(d.ignoredResult()))
		default:
			for _, one := range in.requests(d, budget) {
				requests, owners = append(requests, one), append(owners, i)
			}
		}
	}
	again := make([]bool, len(batch.Records))
	for i, out := range h.refresher.All(ctx, requests) {
		h.finish(ctx, in, out)
		if f := out.Failure(); f != nil && f.Retryable() {
			again[owners[i]] = true
		}
	}
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, message := range batch.Records {
		if again[i] && message.MessageId != "" { // an empty ID would bring the whole batch back
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
	}
	return json.Marshal(answer)
}

// readMessage reads a message's body: a refresh document, or an EventBridge event with one in it.
func (h *Handler) readMessage(body string) (document, error) {
	raw := []byte(body)
	if event, ok := parseObject(raw); ok && isEnvelope(event) {
		if event.text("source") == ownSource {
			return document{ignored: true}, nil
		}
		raw = event["detail"]
	}
	return h.reader.read(raw, false)
}
