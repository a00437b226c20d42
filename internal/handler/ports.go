package handler

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Refresher makes the refreshes.
type Refresher interface {
	// All refreshes users. It calls each with every result as it comes, and with its request's index.
	All(ctx context.Context, requests []refresh.Request, each func(i int, out result.Result))
	// FirstLook returns the first look at the sources of a result that were still running, or nil.
	FirstLook(out result.Result) *refresh.Look
	// Look looks at running sources. It returns the next look or, if that is nil, the final result.
	Look(ctx context.Context, f result.FollowUp, requestID string, budget refresh.Budget) (next *refresh.Look, end result.Result)
	// State returns what is known of a user without a call to Junction.
	State(ctx context.Context, userID string) (result.State, error)
	// Users lists a page of the team's users.
	Users(ctx context.Context, budget refresh.Budget, offset, limit int) (result.Page, error)
}

// Deliveries remembers how deliveries to the webhook route were answered.
type Deliveries interface {
	// Answer returns the answer to a delivery, or nil if there was none.
	Answer(ctx context.Context, id string) ([]byte, error)
	Remember(ctx context.Context, id string, answer []byte) error
}

// Queue is the SQS queue of refreshes that this function makes later, as its own messages.
type Queue interface {
	// Send puts messages on the queue. After an error some of them may be on it; to send all of them again
	// does no harm.
	Send(context.Context, []Message) error
	// Delay sets the visibility timeout of received messages. A message may be from another queue; that is
	// an error, which does not keep the other messages from being delayed.
	Delay(context.Context, []Delay) error
	// DeleteMessages deletes received messages before their batch ends. An error does no harm: they are deleted
	// with their batch.
	DeleteMessages(ctx context.Context, receiptHandles []string) error
}

// Message is a message to be sent.
type Message struct {
	Body        string        // a refresh document; JSON
	Delay       time.Duration // until it can be received: whole seconds, 15 minutes at most
	TraceHeader string        // X-Ray's, "Root=…;Parent=…;Sampled=…"; "" if there is none
}

// Delay is the time until a received message becomes visible again.
type Delay struct {
	ReceiptHandle string
	For           time.Duration // whole seconds
}
