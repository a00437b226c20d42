package mapping

import (
	"context"
	"fmt"
	"time"
)

// poller gathers batches. It is for one goroutine.
type poller struct {
	source  Source
	options options
	short   bool           // one empty receive is the answer
	held    []item         // received, and in no batch yet
	pending chan []Message // a receive that outlasted a batch's window
}

// item is a message of a batch, and its record in the event.
type item struct {
	Message
	record []byte
}

// gather returns the next batch; none where ctx ended, or where an empty receive is the answer. What
// was received before ctx ended is still returned, batch by batch.
func (p *poller) gather(ctx context.Context) []item {
	if len(p.held) == 0 {
		p.hold(p.first(ctx))
	}
	batch, full := p.fill(nil)
	if full || len(batch) == 0 || p.options.Window == 0 {
		return batch
	}
	window := time.NewTimer(p.options.Window)
	defer window.Stop()
	for !full {
		if p.pending == nil {
			p.begin(ctx, p.options.BatchSize-len(batch))
		}
		select {
		case messages := <-p.pending:
			p.pending = nil
			if len(messages) == 0 {
				return batch
			}
			p.hold(messages)
			batch, full = p.fill(batch)
		case <-window.C:
			return batch
		}
	}
	return batch
}

// first waits for messages that begin a batch.
func (p *poller) first(ctx context.Context) []Message {
	if p.pending != nil {
		messages := <-p.pending
		p.pending = nil
		if len(messages) > 0 {
			return messages
		}
	}
	return p.receive(ctx, p.options.BatchSize)
}

// begin starts a receive that nobody has to wait for: to break one off could lose what it received
// until the visibility timeout is over.
func (p *poller) begin(ctx context.Context, most int) {
	pending := make(chan []Message, 1)
	p.pending = pending
	go func() { pending <- p.receive(ctx, most) }()
}

// receive returns messages once there are any; none where ctx ends.
func (p *poller) receive(ctx context.Context, most int) []Message {
	for ctx.Err() == nil {
		began := time.Now()
		messages, err := p.source.Receive(ctx, min(most, maxReceive))
		switch {
		case len(messages) > 0:
			return messages
		case ctx.Err() != nil:
		case err != nil:
			p.options.Report(Outcome{Err: fmt.Errorf("receive: %w", err)})
			pause(ctx, afterError)
		case p.short:
			return nil
		case time.Since(began) < afterNone:
			pause(ctx, afterNone)
		}
	}
	return nil
}

// hold keeps messages for the next batches.
func (p *poller) hold(messages []Message) {
	for _, m := range messages {
		p.held = append(p.held, item{m, p.options.record(m)})
	}
}

// fill moves held messages into a batch until it is full, by number or by size. A message that is too
// large for any batch is a batch of its own.
func (p *poller) fill(batch []item) (filled []item, full bool) {
	size := len(envelope[0]) + len(envelope[1])
	for _, i := range batch {
		size += len(i.record) + 1
	}
	for len(p.held) > 0 {
		next := p.held[0]
		size += len(next.record) + 1
		if len(batch) > 0 && size > maxPayload {
			return batch, true
		}
		batch, p.held = append(batch, next), p.held[1:]
		if len(batch) == p.options.BatchSize {
			return batch, true
		}
	}
	return batch, false
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
