// Package memory is an SQS standard queue in this process, for laptops and tests. It keeps to SQS where
// it matters to a worker: visibility timeouts, receive counts and receipt handles, long polling, and a
// dead-letter queue. It delivers in order and each message once at a time, which SQS does not promise, and
// forgets nothing after a retention period.
package memory

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/mapping"
)

// SQS's limits.
const (
	maxReceive    = 10             // messages a receive
	maxBody       = 1 << 20        // bytes
	maxVisibility = 12 * time.Hour // from the receive on, however often it is set anew
)

// Options say how a queue behaves.
type Options struct {
	Visibility  time.Duration // visibility timeout; 0 is SQS's default of 30 s
	MaxReceives int           // maxReceiveCount of the redrive policy; 0 for no dead-letter queue
	Wait        time.Duration // how long a receive waits for a message; 0 does not wait

	OnSend func([]mapping.Message) // is told of what is sent, before anybody can receive it; nil for nobody
	OnDead func(mapping.Message)   // is told of a message that moves to the dead-letter queue; nil for nobody
}

// Queue is a queue. It implements mapping.Source and handler.Queue, and is safe for concurrent use.
type Queue struct {
	options Options

	mu       sync.Mutex
	messages []*message
	dead     []mapping.Message
	changed  chan struct{} // closed when a waiting receive should look again
}

var (
	_ mapping.Source = (*Queue)(nil)
	_ handler.Queue  = (*Queue)(nil)
)

// message is a message on the queue.
type message struct {
	mapping.Message
	visible  time.Time // when it can be received next
	received time.Time // when it was last
	receives int
}

// New returns an empty queue.
func New(options Options) *Queue {
	if options.Visibility == 0 {
		options.Visibility = 30 * time.Second
	}
	if options.OnSend == nil {
		options.OnSend = func([]mapping.Message) {}
	}
	if options.OnDead == nil {
		options.OnDead = func(mapping.Message) {}
	}
	return &Queue{options: options, changed: make(chan struct{})}
}

// Send implements handler.Queue. Where a message is none that SQS would take, none is sent.
func (q *Queue) Send(ctx context.Context, messages []handler.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	for _, m := range messages {
		if m.Body == "" || len(m.Body) > maxBody {
			return fmt.Errorf("send: a body of %d bytes is not 1 to %d", len(m.Body), maxBody)
		}
	}
	now := time.Now()
	var sent []*message
	var shown []mapping.Message
	for _, m := range messages {
		attributes := map[string]string{"SenderId": "AIDALOCAL", "SentTimestamp": millis(now)}
		if m.TraceHeader != "" {
			attributes["AWSTraceHeader"] = m.TraceHeader
		}
		one := &message{Message: mapping.Message{ID: uuid.NewString(), Body: m.Body, Attributes: attributes}, visible: now}
		sent, shown = append(sent, one), append(shown, one.copied())
	}
	q.options.OnSend(shown)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, sent...)
	q.wake()
	return nil
}

// copied is the message as it is handed out: nobody else changes its attributes.
func (m *message) copied() mapping.Message {
	out := m.Message
	out.Attributes = maps.Clone(m.Attributes)
	return out
}

// wake lets waiting receives look again.
func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Len returns how many messages are on the queue, those out of sight too; the dead-letter queue's are
// not among them.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// Dead returns the messages of the dead-letter queue, as they were last received.
func (q *Queue) Dead() []mapping.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]mapping.Message(nil), q.dead...)
}

// Visible returns when a message can be received next; ok is false where it is not on the queue.
func (q *Queue) Visible(id string) (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.ID == id {
			return m.visible, true
		}
	}
	return time.Time{}, false
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
