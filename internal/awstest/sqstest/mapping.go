package sqstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// EventSourceMapping polls a queue, invokes a function with batches of messages, and deletes what the
// function has processed, as Lambda's event source mapping of a standard queue with
// ReportBatchItemFailures is documented to do. It neither adds invocations under load nor takes them back
// after errors, and it filters nothing.
//
// Source and Function are required. Names and limits are Lambda's; the zero value of a field is its
// default.
type EventSourceMapping struct {
	Source   Source
	Function awstest.Function // its context does not end, so that a function has Lambda's time and no other

	QueueARN       string        // default: awstest.QueueARN
	BatchSize      int           // 1 to 10,000, and over 10 only with a BatchingWindow of at least a second; default: 10
	BatchingWindow time.Duration // how long a batch that is not full waits for more, up to 5 minutes; default: not at all
	MaxConcurrency int           // invocations at once, up to 1,000; default: 5, with which Lambda begins

	// Report, if it is set, is told what became of each batch, and of each receive that failed. It is
	// called from several goroutines.
	Report func(Outcome)
}

// Source is a queue as the mapping sees it.
type Source interface {
	// Receive returns up to maxMessages messages (10 at most, as SQS), and may wait for a while if there is
	// none. It returns soon after ctx ends.
	Receive(ctx context.Context, maxMessages int) ([]Message, error)
	// DeleteMessages deletes messages by their receipt handles, 10 at most.
	DeleteMessages(ctx context.Context, receiptHandles []string) error
}

// Message is a message as it was received.
type Message struct {
	ID, ReceiptHandle, Body string
	Attributes              map[string]string // system attributes: ApproximateReceiveCount, SentTimestamp, AWSTraceHeader, …
}

// Outcome is what became of a batch.
type Outcome struct {
	Messages  []Message // the batch; none if it could not be received
	Remaining []Message // those that were not deleted: they become visible again after their visibility timeout
	Err       error     // why they were not deleted, unless the function reported each of them
}

// The limits of Lambda and SQS.
const (
	maxReceive     = 10              // messages per receive, and per delete
	maxEvent       = 6 << 20         // bytes
	maxBatchSize   = 10_000          // messages
	maxConcurrency = 1_000           // invocations
	minWindow      = 1 * time.Second // of batches over maxReceive
	maxWindow      = 5 * time.Minute
)

// Run polls until ctx ends. It returns once the function has been invoked with all that was received, and
// what it processed has been deleted. An error says which option Lambda would refuse.
func (m EventSourceMapping) Run(ctx context.Context) error {
	p, err := m.poller()
	if err != nil {
		return err
	}
	for p.invokeNext(ctx) {
	}
	p.invocations.Wait()
	return nil
}

// Drain is Run until there is nothing to be received and no invocation under way. It is for a source that
// does not wait for messages.
func (m EventSourceMapping) Drain(ctx context.Context) error {
	p, err := m.poller()
	if err != nil {
		return err
	}
	p.stopWhenEmpty = true
	for empty := false; !empty; {
		empty = true
		for p.invokeNext(ctx) {
			empty = false
		}
		p.invocations.Wait() // they may have sent more
	}
	return nil
}

// poller returns a poller for the mapping, with the defaults filled in.
func (m EventSourceMapping) poller() (*poller, error) {
	if m.QueueARN == "" {
		m.QueueARN = awstest.QueueARN
	}
	if m.BatchSize == 0 {
		m.BatchSize = maxReceive
	}
	if m.MaxConcurrency == 0 {
		m.MaxConcurrency = 5
	}
	if m.Report == nil {
		m.Report = func(Outcome) {}
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("event source mapping: %w", err)
	}
	return &poller{EventSourceMapping: m, slots: make(chan struct{}, m.MaxConcurrency)}, nil
}

func (m EventSourceMapping) check() error {
	arn := strings.Split(m.QueueARN, ":")
	switch {
	case len(arn) != 6 || arn[0] != "arn" || arn[2] != "sqs":
		return errors.New("the ARN is not an SQS queue's")
	case m.BatchSize < 1 || m.BatchSize > maxBatchSize:
		return errors.New("the batch size is not 1 to 10,000")
	case m.BatchingWindow < 0 || m.BatchingWindow > maxWindow:
		return errors.New("the batching window is not 0 to 5 minutes")
	case m.BatchSize > maxReceive && m.BatchingWindow < minWindow:
		return errors.New("batches over 10 need a batching window of at least a second")
	case m.MaxConcurrency < 1 || m.MaxConcurrency > maxConcurrency:
		return errors.New("the concurrency is not 1 to 1,000")
	}
	return nil
}
