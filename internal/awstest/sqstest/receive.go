package sqstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// Receive implements Source. Each message that it returns is invisible for the visibility timeout, or for
// as long as Delay says. A message that was received as often as the queue allows moves to the dead-letter
// queue when it would be received once more.
func (q *Queue) Receive(ctx context.Context, maxMessages int) ([]Message, error) {
	if maxMessages < 1 || maxMessages > maxReceive {
		return nil, fmt.Errorf("receive: %d messages are not 1 to %d", maxMessages, maxReceive)
	}
	waited := time.NewTimer(q.options.WaitTime)
	defer waited.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("receive: %w", err)
		}
		received, dead, next, changed := q.take(maxMessages)
		for _, m := range dead {
			q.options.OnDeadLetter(m)
		}
		if len(received) > 0 || q.options.WaitTime == 0 {
			return received, nil
		}
		visible := time.NewTimer(next)
		select {
		case <-waited.C:
			visible.Stop()
			return nil, nil
		case <-changed:
		case <-visible.C:
		case <-ctx.Done():
		}
		visible.Stop()
	}
}

// take receives what is visible. next is how long it takes until anything else is, and changed is closed
// if that may be sooner.
func (q *Queue) take(maxMessages int) (received, dead []Message, next time.Duration, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	next = maxVisibility
	q.messages = slices.DeleteFunc(q.messages, func(m *queued) bool {
		switch wait := m.visibleAt.Sub(now); {
		case wait > 0:
			next = min(next, wait)
		case len(received) == maxMessages:
		case q.options.MaxReceiveCount > 0 && m.receives >= q.options.MaxReceiveCount:
			dead = append(dead, m.copied())
			return true
		default:
			m.receive(now, q.options.VisibilityTimeout)
			received = append(received, m.copied())
		}
		return false
	})
	q.deadLetters = append(q.deadLetters, dead...)
	return received, dead, next, q.changed
}

// receive counts a receive. Each has its own receipt handle, which replaces the one before.
func (m *queued) receive(now time.Time, visibilityTimeout time.Duration) {
	m.receives++
	m.receivedAt, m.visibleAt = now, now.Add(visibilityTimeout)
	m.ReceiptHandle = uuid.NewString()
	m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.receives)
	if m.receives == 1 {
		m.Attributes["ApproximateFirstReceiveTimestamp"] = millis(now)
	}
}

// has reports whether the message was last received with this receipt handle.
func (m *queued) has(receiptHandle string) bool {
	return m.receives > 0 && m.ReceiptHandle == receiptHandle
}

// DeleteMessages implements Source and handler.Queue. As at SQS, a receipt handle that a later receive
// replaced deletes nothing, and that is not an error.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *queued) bool {
		return slices.ContainsFunc(receiptHandles, m.has)
	})
	return nil
}

// Delay implements handler.Queue, as SQS's ChangeMessageVisibility does: a message must be in flight under
// its receipt handle, and the delay must end within 12 hours of the receive. An error does not keep the
// other messages from being delayed.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var errs []error
	for _, d := range delays {
		i := slices.IndexFunc(q.messages, func(m *queued) bool { return m.has(d.ReceiptHandle) })
		switch {
		case i < 0 || !q.messages[i].visibleAt.After(now):
			errs = append(errs, errors.New("delay: no message is in flight under this receipt handle"))
		case d.For < 0 || now.Add(d.For).After(q.messages[i].receivedAt.Add(maxVisibility)):
			errs = append(errs, fmt.Errorf("delay: %s is below 0 or ends over 12 hours after the receive", d.For))
		default:
			q.messages[i].visibleAt = now.Add(d.For)
		}
	}
	q.wake()
	return errors.Join(errs...)
}
