package sqstest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// The pauses after a receive without messages.
const (
	pauseAfterError = 1 * time.Second
	pauseAfterEmpty = 100 * time.Millisecond // if the source did not wait for messages itself
)

// poller receives messages, groups them into batches, and invokes the function. Its methods are for one
// goroutine.
type poller struct {
	EventSourceMapping

	stopWhenEmpty bool // a receive without messages ends the polling
	slots         chan struct{}
	invocations   sync.WaitGroup

	received []record       // and in no batch yet
	pending  chan []Message // of a receive that took longer than a batch's window
}

// record is a message, and how it stands in the event.
type record struct {
	Message
	json []byte
}

// invokeNext invokes the function with the next batch and does not wait for its answer. It reports whether
// there was a batch: there is none after ctx has ended, or if an empty receive ends the polling. What was
// received before ctx ended still comes, batch by batch.
func (p *poller) invokeNext(ctx context.Context) bool {
	p.slots <- struct{}{} // first, so that no message waits here while its visibility timeout runs
	batch := p.nextBatch(ctx)
	if len(batch) == 0 {
		<-p.slots
		return false
	}
	p.invocations.Go(func() {
		p.Report(p.process(context.WithoutCancel(ctx), batch))
		<-p.slots
	})
	return true
}

func (p *poller) nextBatch(ctx context.Context) []record {
	if len(p.received) == 0 {
		p.add(p.receiveFirst(ctx))
	}
	batch, full := p.fill(nil)
	if full || len(batch) == 0 || p.BatchingWindow == 0 {
		return batch
	}
	window := time.NewTimer(p.BatchingWindow)
	defer window.Stop()
	for !full {
		if p.pending == nil {
			p.startReceive(ctx, p.BatchSize-len(batch))
		}
		select {
		case messages := <-p.pending:
			p.pending = nil
			if len(messages) == 0 {
				return batch
			}
			p.add(messages)
			batch, full = p.fill(batch)
		case <-window.C:
			return batch
		}
	}
	return batch
}

// receiveFirst returns the messages that begin a batch.
func (p *poller) receiveFirst(ctx context.Context) []Message {
	if p.pending != nil {
		messages := <-p.pending
		p.pending = nil
		if len(messages) > 0 {
			return messages
		}
	}
	return p.receive(ctx, p.BatchSize)
}

// startReceive starts a receive that the end of a window does not cancel: what a canceled receive had got
// already would be lost until its visibility timeout is over.
func (p *poller) startReceive(ctx context.Context, maxMessages int) {
	pending := make(chan []Message, 1)
	p.pending = pending
	go func() { pending <- p.receive(ctx, maxMessages) }()
}

// receive returns messages once there are any; none if ctx ends first.
func (p *poller) receive(ctx context.Context, maxMessages int) []Message {
	for ctx.Err() == nil {
		began := time.Now()
		messages, err := p.Source.Receive(ctx, min(maxMessages, maxReceive))
		switch {
		case len(messages) > 0:
			return messages
		case ctx.Err() != nil:
		case err != nil:
			p.Report(Outcome{Err: fmt.Errorf("receive: %w", err)})
			sleep(ctx, pauseAfterError)
		case p.stopWhenEmpty:
			return nil
		case time.Since(began) < pauseAfterEmpty:
			sleep(ctx, pauseAfterEmpty)
		}
	}
	return nil
}

// add keeps messages for the next batches.
func (p *poller) add(messages []Message) {
	for _, m := range messages {
		attributes := m.Attributes
		if attributes == nil {
			attributes = map[string]string{}
		}
		p.received = append(p.received, record{m, awstest.SQSRecord(events.SQSMessage{
			MessageId: m.ID, ReceiptHandle: m.ReceiptHandle, Body: m.Body, Attributes: attributes, EventSourceARN: p.QueueARN,
		})})
	}
}

// fill moves received messages into a batch until it is full, by number or by size. A message that is too
// large for any batch is a batch of its own.
func (p *poller) fill(batch []record) (filled []record, full bool) {
	size := len(awstest.SQSEventPrefix) + len(awstest.SQSEventSuffix)
	for _, r := range batch {
		size += len(r.json) + 1
	}
	for len(p.received) > 0 {
		next := p.received[0]
		size += len(next.json) + 1
		if len(batch) > 0 && size > maxEvent {
			return batch, true
		}
		batch, p.received = append(batch, next), p.received[1:]
		if len(batch) == p.BatchSize {
			return batch, true
		}
	}
	return batch, false
}

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
