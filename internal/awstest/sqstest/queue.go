// Package sqstest has an SQS queue in memory and Lambda's event source mapping, for laptops and tests.
//
// Queue keeps to what SQS documents of a standard queue, as far as a worker notices: visibility timeouts,
// receive counts and receipt handles, long polling, and a dead-letter queue. It delivers in order and each
// message once at a time, neither of which SQS promises, and it has no retention period.
//
// EventSourceMapping invokes a function with a queue's messages. Its Source may be a Queue, or a real
// queue behind an SQS client.
package sqstest

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// SQS's limits.
const (
	maxBody       = 1 << 20 // bytes
	maxDelay      = 15 * time.Minute
	maxVisibility = 12 * time.Hour // after the receive, however often it is changed
)

// QueueOptions are the attributes of a queue, and what it reports.
type QueueOptions struct {
	VisibilityTimeout time.Duration // 0 is SQS's default of 30 s
	MaxReceiveCount   int           // of the redrive policy; 0 means no dead-letter queue
	WaitTime          time.Duration // how long a receive waits for a message; 0 does not wait

	OnSend       func([]Sent)  // is told what is sent, before it can be received; nil for nobody
	OnDeadLetter func(Message) // is told what moves to the dead-letter queue; nil for nobody
}

// Sent is a message that was sent.
type Sent struct {
	Message
	Delay time.Duration // until it can be received
}

// Queue is an SQS queue in memory. It is safe for concurrent use.
type Queue struct {
	options QueueOptions

	mu          sync.Mutex
	messages    []*queued
	deadLetters []Message
	changed     chan struct{} // closed when a waiting receive should look again
}

var (
	_ Source        = (*Queue)(nil)
	_ handler.Queue = (*Queue)(nil)
)

// queued is a message on the queue.
type queued struct {
	Message
	visibleAt  time.Time
	receivedAt time.Time // last
	receives   int
}

// NewQueue returns an empty queue.
func NewQueue(options QueueOptions) *Queue {
	if options.VisibilityTimeout == 0 {
		options.VisibilityTimeout = 30 * time.Second
	}
	if options.OnSend == nil {
		options.OnSend = func([]Sent) {}
	}
	if options.OnDeadLetter == nil {
		options.OnDeadLetter = func(Message) {}
	}
	return &Queue{options: options, changed: make(chan struct{})}
}

// Send implements handler.Queue. If SQS would refuse one of the messages, none is sent.
func (q *Queue) Send(ctx context.Context, messages []handler.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	for _, m := range messages {
		if m.Body == "" || len(m.Body) > maxBody {
			return fmt.Errorf("send: a body of %d bytes is not 1 to %d", len(m.Body), maxBody)
		}
		if m.Delay < 0 || m.Delay > maxDelay {
			return fmt.Errorf("send: a delay of %v is not 0 to %v", m.Delay, maxDelay)
		}
	}
	now := time.Now()
	var sent []*queued
	var reported []Sent
	for _, m := range messages {
		attributes := map[string]string{"SenderId": "AIDALOCAL", "SentTimestamp": millis(now)}
		if m.TraceHeader != "" {
			attributes["AWSTraceHeader"] = m.TraceHeader
		}
		message := &queued{Message: Message{ID: uuid.NewString(), Body: m.Body, Attributes: attributes}, visibleAt: now.Add(m.Delay)}
		sent, reported = append(sent, message), append(reported, Sent{message.copied(), m.Delay})
	}
	q.options.OnSend(reported)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, sent...)
	q.wake()
	return nil
}

// copied returns the message as it is handed out: with attributes that nobody else changes.
func (m *queued) copied() Message {
	out := m.Message
	out.Attributes = maps.Clone(m.Attributes)
	return out
}

// wake makes waiting receives look again. The caller holds mu.
func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Len returns how many messages are on the queue, visible or not, without those of the dead-letter queue.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// State has the values of SQS's queue metrics.
type State struct {
	Visible, InFlight, Delayed int
	Oldest                     time.Duration // the age of the oldest message
}

// State returns the state of the queue. As in SQS, messages that were received three times or more do not count in Oldest.
// Delayed messages do not either; SQS does not document whether they do.
func (q *Queue) State() State {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, s := time.Now(), State{}
	for _, m := range q.messages {
		switch {
		case !m.visibleAt.After(now):
			s.Visible++
		case m.receives > 0:
			s.InFlight++
		default:
			s.Delayed++
			continue
		}
		if sent, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil && m.receives < 3 {
			s.Oldest = max(s.Oldest, now.Sub(time.UnixMilli(sent)))
		}
	}
	return s
}

// DeadLetters returns the messages of the dead-letter queue, as they were last received.
func (q *Queue) DeadLetters() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]Message(nil), q.deadLetters...)
}

// VisibleAt returns when a message can be received next; ok is false if it is not on the queue.
func (q *Queue) VisibleAt(messageID string) (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.ID == messageID {
			return m.visibleAt, true
		}
	}
	return time.Time{}, false
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
