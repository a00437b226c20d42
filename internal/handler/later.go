package handler

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Queue takes refreshes that are done later: by this function again, as the messages of an SQS batch.
type Queue interface {
	// Send puts messages on the queue. An error says that not all of them are on it; which ones are is
	// not known, and to send all of them again does no harm.
	Send(context.Context, []Message) error
	// Delay makes messages that were received come back after a time of their own, and not at the end of
	// the queue's visibility timeout. A message may be on another queue than this one; that is an error
	// like any other, and does not keep the others from being delayed.
	Delay(context.Context, []Delay) error
	// Done deletes messages that were received, by their receipt handles, before the batch that they came
	// with is done. An error does no harm: they are deleted with their batch.
	Done(ctx context.Context, receiptHandles []string) error
}

// Message is a message that is yet to be sent.
type Message struct {
	Body        string // a refresh document; JSON
	TraceHeader string // X-Ray's, "Root=…;Parent=…;Sampled=…"; "" for none
}

// Delay is how long a message that was received stays out of sight from now on.
type Delay struct {
	ReceiptHandle string
	For           time.Duration // whole seconds
}

// Bus takes results, for whoever wants to know of them.
type Bus interface {
	// Publish puts results on the bus and returns an error for each, in their order: nil where it is on it.
	Publish(context.Context, []Event) []error
}

// Event is a result as it is published.
type Event struct {
	Result      result.Result
	TraceHeader string // X-Ray's; "" for none
}
