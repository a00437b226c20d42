package sqstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// function is a Lambda function that records the batches that it is invoked with.
type function struct {
	answer   func(events.SQSEvent) (string, error) // nil has processed every message
	duration time.Duration

	mu          sync.Mutex
	batches     [][]string // the bodies of each
	invokedAt   []time.Duration
	first       time.Time // the time that invokedAt counts from
	running     int
	mostRunning int
}

func (f *function) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	var bodies []string
	for _, record := range event.Records {
		bodies = append(bodies, record.Body)
	}
	f.mu.Lock()
	if f.first.IsZero() {
		f.first = time.Now()
	}
	f.batches, f.invokedAt = append(f.batches, bodies), append(f.invokedAt, time.Since(f.first))
	f.running++
	f.mostRunning = max(f.mostRunning, f.running)
	f.mu.Unlock()
	time.Sleep(f.duration)
	f.mu.Lock()
	f.running--
	f.mu.Unlock()
	if f.answer == nil {
		return nil, ctx.Err()
	}
	answer, err := f.answer(event)
	return []byte(answer), err
}

// received returns the bodies of each batch.
func (f *function) received() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([][]string(nil), f.batches...)
}

// failing returns a partial batch response that lists one message.
func failing(messageID string) string {
	return `{"batchItemFailures":[{"itemIdentifier":"` + messageID + `"}]}`
}

func send(t *testing.T, q *sqstest.Queue, bodies ...string) {
	t.Helper()
	var messages []handler.Message
	for _, body := range bodies {
		messages = append(messages, handler.Message{Body: body})
	}
	if err := q.Send(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// numbers returns the bodies 1 to n.
func numbers(n int) []string {
	var bodies []string
	for i := range n {
		bodies = append(bodies, fmt.Sprint(i+1))
	}
	return bodies
}

// scriptedSource is a source whose receives and deletes have the results that a test dictates. After them
// it has no messages, and does not wait for any.
type scriptedSource struct {
	receives  []any // []sqstest.Message or error
	deletes   []error
	onReceive func(n int)

	mu       sync.Mutex
	received int
	deleted  []int // the number of receipt handles of each delete
}

func (s *scriptedSource) Receive(context.Context, int) ([]sqstest.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received++
	if s.onReceive != nil {
		s.onReceive(s.received)
	}
	if s.received > len(s.receives) {
		return nil, nil
	}
	if err, ok := s.receives[s.received-1].(error); ok {
		return nil, err
	}
	return s.receives[s.received-1].([]sqstest.Message), nil
}

func (s *scriptedSource) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, len(receiptHandles))
	if len(s.deleted) <= len(s.deletes) {
		return s.deletes[len(s.deleted)-1]
	}
	return ctx.Err()
}

func (s *scriptedSource) deletedTotal() (total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.deleted {
		total += n
	}
	return total
}
