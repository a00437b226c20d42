package harness

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
)

// Source is a queue as an event source mapping reads it. It records what it received, and when.
type Source struct {
	stack *Stack
	queue Queue

	mu       sync.Mutex
	received []Receipt
}

// Receipt is a message that was received.
type Receipt struct {
	sqstest.Message
	At time.Time
}

// ReadMessage decodes a message on the queue of refreshes.
func ReadMessage(t *testing.T, body string) document.Message {
	t.Helper()
	return Must(document.ParseMessage(body))(t)
}

// Source returns a queue as an event source mapping reads it.
func (s *Stack) Source(q Queue) *Source { return &Source{stack: s, queue: q} }

// Receive receives up to so many messages.
func (s *Source) Receive(ctx context.Context, most int) ([]sqstest.Message, error) {
	out, err := s.stack.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &s.queue.URL, MaxNumberOfMessages: int32(most), WaitTimeSeconds: 1,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := make([]sqstest.Message, 0, len(out.Messages))
	for _, m := range out.Messages {
		if header := s.stack.trace(*m.MessageId); header != "" {
			m.Attributes["AWSTraceHeader"] = header
		}
		message := sqstest.Message{ID: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes}
		messages, s.received = append(messages, message), append(s.received, Receipt{message, now})
	}
	return messages, nil
}

// DeleteMessages deletes messages by their receipt handles.
func (s *Source) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, handle := range receiptHandles {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handle})
	}
	_, err := s.stack.SQS.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &s.queue.URL, Entries: entries})
	return err
}

// Received returns every message that was received, as often as it was.
func (s *Source) Received() []Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Receipt(nil), s.received...)
}

// ReceivedFor returns the messages for a user that were received.
func (s *Source) ReceivedFor(user string) []Receipt {
	var all []Receipt
	for _, r := range s.Received() {
		if m, err := document.ParseMessage(r.Body); err == nil && m.UserID == user {
			all = append(all, r)
		}
	}
	return all
}

// Receive receives and deletes up to ten messages, or none if none comes.
func (s *Stack) Receive(t *testing.T, q Queue) []sqstest.Message {
	t.Helper()
	from := s.Source(q)
	received, err := from.Receive(t.Context(), 10)
	var handles []string
	for _, m := range received {
		handles = append(handles, m.ReceiptHandle)
	}
	if err == nil && len(handles) > 0 {
		err = from.DeleteMessages(t.Context(), handles)
	}
	if err != nil {
		t.Fatal(err)
	}
	return received
}

// Drain receives and deletes messages until n have arrived. More than n on the queue fail the test.
func (s *Stack) Drain(t *testing.T, q Queue, n int) []sqstest.Message {
	t.Helper()
	var all []sqstest.Message
	for latest := time.Now(); len(all) < n; {
		if time.Since(latest) > 90*time.Second { // on a busy machine, a message can come back after a minute
			t.Fatalf("%d messages arrived, want %d", len(all), n)
		}
		if received := s.Receive(t, q); len(received) > 0 {
			all, latest = append(all, received...), time.Now()
		}
	}
	if left := s.Waiting(t, q); len(all) != n || left != 0 {
		t.Fatalf("%d messages arrived, want %d, and %d are left", len(all), n, left)
	}
	return all
}

// The detail types of what the function publishes.
const (
	ResultEvent          = "Junction User Refresh Result"
	ConnectionErrorEvent = "Junction Connection Error"
)

// Event is an event that the function published.
type Event struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// PublishedEvents receives the n events that the bus delivered.
func (s *Stack) PublishedEvents(t *testing.T, n int) []Event {
	t.Helper()
	var all []Event
	for _, m := range s.Drain(t, s.Results, n) {
		event := Decode[Event](t, []byte(m.Body))
		if event.Source != "junction.refresh" {
			t.Errorf("an event was published by %q", event.Source)
		}
		all = append(all, event)
	}
	return all
}

// Published receives the n results that the bus delivered, each of which must be valid by its schema.
func (s *Stack) Published(t *testing.T, n int) []Result {
	t.Helper()
	var all []Result
	for _, event := range s.PublishedEvents(t, n) {
		if event.DetailType != ResultEvent {
			t.Errorf("a result was published as %q", event.DetailType)
		}
		all = append(all, ReadResult(t, event.Detail))
	}
	return all
}
