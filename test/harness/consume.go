package harness

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
)

// Consume hands the messages of the queue to the function, as Lambda's event source mapping does, until stop or the
// end of the test.
func (f *Function) Consume(t *testing.T, batchSize int) (from *Source, stop func()) {
	t.Helper()
	from = f.AWS.Source(f.AWS.Refreshes)
	mapping := sqstest.EventSourceMapping{
		Source: from, QueueARN: f.AWS.Refreshes.ARN, BatchSize: batchSize, MaxConcurrency: 1,
		Function: func(_ context.Context, event []byte) ([]byte, error) { return f.Try(event) },
	}
	if batchSize > 10 {
		mapping.BatchingWindow = time.Second
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- mapping.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return from, stop
}

// WaitUntilQueueIsEmpty waits until no message is left on the queue of refreshes.
func (s *Stack) WaitUntilQueueIsEmpty(t *testing.T) {
	t.Helper()
	Eventually(t, 10*time.Second, "the queue is empty", func() bool { return s.Waiting(t, s.Refreshes) == 0 })
}

// BatchEvent returns what an event source mapping sends for messages with these bodies. Their IDs are MessageID(0),
// MessageID(1), ….
func (s *Stack) BatchEvent(bodies ...string) string {
	var messages []events.SQSMessage
	for i, body := range bodies {
		messages = append(messages, events.SQSMessage{MessageId: MessageID(i), ReceiptHandle: "handle-" + Marker, Body: body, EventSourceARN: s.Refreshes.ARN})
	}
	return awstest.SQSEvent(messages...)
}

// MessageID returns the ID of a message of BatchEvent.
func MessageID(index int) string { return "m" + strconv.Itoa(index) }

// BatchItemFailures returns the message IDs of a partial batch response.
func BatchItemFailures(t *testing.T, answer []byte) []string {
	t.Helper()
	ids := []string{}
	for _, f := range Decode[struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}](t, answer).BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}
