package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/mapping"
)

// Receive implements mapping.Source. Each message that it returns is out of sight for the visibility
// timeout, or as Delay says. One that was received as often as the queue allows moves to the
// dead-letter queue when it would be received once more.
func (q *Queue) Receive(ctx context.Context, most int) ([]mapping.Message, error) {
	if most < 1 || most > maxReceive {
		return nil, fmt.Errorf("receive: %d messages are not 1 to %d", most, maxReceive)
	}
	enough := time.NewTimer(q.options.Wait)
	defer enough.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("receive: %w", err)
		}
		received, dead, next, changed := q.take(most)
		for _, m := range dead {
			q.options.OnDead(m)
		}
		if len(received) > 0 || q.options.Wait == 0 {
			return received, nil
		}
		again := time.NewTimer(next)
		select {
		case <-enough.C:
			again.Stop()
			return nil, nil
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
}

// take receives what is visible. next is how long it takes until anything else is, and changed is
// closed where it may be sooner.
func (q *Queue) take(most int) (received, dead []mapping.Message, next time.Duration, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	next = maxVisibility
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		switch wait := m.visible.Sub(now); {
		case wait > 0:
			next = min(next, wait)
		case len(received) == most:
		case q.options.MaxReceives > 0 && m.receives >= q.options.MaxReceives:
			dead = append(dead, m.copied())
			return true
		default:
			m.receive(now, q.options.Visibility)
			received = append(received, m.copied())
		}
		return false
	})
	q.dead = append(q.dead, dead...)
	return received, dead, next, q.changed
}

// receive counts a receive. Each has a receipt handle of its own, and the one before it no longer counts.
func (m *message) receive(now time.Time, visibility time.Duration) {
	m.receives++
	m.received, m.visible = now, now.Add(visibility)
	m.ReceiptHandle = uuid.NewString()
	m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.receives)
	if m.receives == 1 {
		m.Attributes["ApproximateFirstReceiveTimestamp"] = millis(now)
	}
}

// Delete implements mapping.Source. As at SQS, a handle that a later receive replaced deletes nothing,
// and that is no error.
func (q *Queue) Delete(ctx context.Context, messages []mapping.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if len(messages) > maxReceive {
		return fmt.Errorf("delete: %d messages are over %d", len(messages), maxReceive)
	}
	handles := make([]string, 0, len(messages))
	for _, m := range messages {
		handles = append(handles, m.ReceiptHandle)
	}
	return q.DeleteMessages(ctx, handles)
}

// DeleteMessages implements handler.Queue. A handle that is not a message's any more deletes nothing.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		return m.receives > 0 && slices.Contains(receiptHandles, m.ReceiptHandle)
	})
	return nil
}

// Delay implements handler.Queue, as SQS's ChangeMessageVisibility does: a message must be in flight
// under this handle, and 12 hours from its receive on are the end.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var faults []error
	for _, d := range delays {
		i := slices.IndexFunc(q.messages, func(m *message) bool { return m.receives > 0 && m.ReceiptHandle == d.ReceiptHandle })
		switch {
		case i < 0 || !q.messages[i].visible.After(now):
			faults = append(faults, errors.New("delay: no message is in flight under this receipt handle"))
		case d.For < 0 || now.Add(d.For).After(q.messages[i].received.Add(maxVisibility)):
			faults = append(faults, fmt.Errorf("delay: %s is below 0 or ends over 12 hours after the receive", d.For))
		default:
			q.messages[i].visible = now.Add(d.For)
		}
	}
	q.wake()
	return errors.Join(faults...)
}
