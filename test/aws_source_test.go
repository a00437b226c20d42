package test

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
)

// source is a queue as an event source mapping reads it. It keeps when it received what.
type source struct {
	*stack
	from awsQueue

	mu       sync.Mutex
	received []receipt
}

// receipt is a message that was received.
type receipt struct {
	sqstest.Message
	at time.Time
}

// document is a message of the queue of refreshes.
type document struct {
	UserID    string   `json:"user_id"`
	AllUsers  bool     `json:"all_users"`
	Offset    *int     `json:"offset"`
	Limit     int      `json:"limit"`
	Timeout   *float64 `json:"timeout"`
	Trigger   string   `json:"trigger"`
	RequestID string   `json:"request_id"`
}

func (s *source) Receive(ctx context.Context, most int) ([]sqstest.Message, error) {
	out, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &s.from.url, MaxNumberOfMessages: int32(most), WaitTimeSeconds: 1,
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
		if header := s.trace(*m.MessageId); header != "" {
			m.Attributes["AWSTraceHeader"] = header
		}
		one := sqstest.Message{ID: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes}
		messages, s.received = append(messages, one), append(s.received, receipt{one, now})
	}
	return messages, nil
}

func (s *source) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, handle := range receiptHandles {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handle})
	}
	_, err := s.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &s.from.url, Entries: entries})
	return err
}

// receipts are the times at which a message with this user was received.
func (s *source) receipts(user string) []receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []receipt
	for _, r := range s.received {
		var d document
		if json.Unmarshal([]byte(r.Body), &d) == nil && d.UserID == user {
			all = append(all, r)
		}
	}
	return all
}

// drain receives what is on a queue until n messages have come, and deletes them. More than n, as far
// as they are there already, are a failure.
func (s *stack) drain(t *testing.T, q awsQueue, n int) []sqstest.Message {
	t.Helper()
	from := &source{stack: s, from: q}
	var all []sqstest.Message
	for latest := time.Now(); len(all) < n; {
		if time.Since(latest) > 20*time.Second {
			t.Fatalf("%d messages came, want %d", len(all), n)
		}
		received, err := from.Receive(t.Context(), 10)
		if err == nil && len(received) > 0 {
			latest = time.Now()
			var handles []string
			for _, m := range received {
				handles = append(handles, m.ReceiptHandle)
			}
			all, err = append(all, received...), from.DeleteMessages(t.Context(), handles)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if more := s.waiting(t, q); len(all) != n || more != 0 {
		t.Fatalf("%d messages came, want %d, and %d are left", len(all), n, more)
	}
	return all
}

// published is a result as it came by the bus.
type published struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`

	result    // of Detail
	RequestID string
	Coalesced bool
}

// published returns the n results that came by the bus, each of which must be as its schema says.
func (s *stack) published(t *testing.T, n int) []published {
	t.Helper()
	var all []published
	for _, m := range s.drain(t, s.results, n) {
		one := decode[published](t, []byte(m.Body))
		one.result = readResult(t, one.Detail)
		more := decode[struct {
			RequestID string `json:"request_id"`
			Coalesced bool   `json:"coalesced"`
		}](t, one.Detail)
		one.RequestID, one.Coalesced = more.RequestID, more.Coalesced
		if one.Source != "junction.refresh" || one.DetailType != "Junction User Refresh Result" {
			t.Errorf("a result came as %s of %s", one.DetailType, one.Source)
		}
		all = append(all, one)
	}
	return all
}
