// Package mapping stands in for Lambda's event source mapping of an SQS queue: it polls a queue, hands
// batches of messages to a function, and deletes what the function was done with. It is for laptops and
// tests; the function itself must not import it.
//
// It keeps to what AWS documents of a standard queue with ReportBatchItemFailures. What it leaves out: it
// neither adds invocations under load nor takes them back after errors, and it filters nothing.
package mapping

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Message is a message as it was received.
type Message struct {
	ID, ReceiptHandle, Body string
	Attributes              map[string]string // system attributes: ApproximateReceiveCount, SentTimestamp, AWSTraceHeader, …
}

// Source is a queue as the mapping sees it.
type Source interface {
	// Receive returns up to a number of messages (10 at most, as SQS), and may wait for a while where there
	// is none. It returns soon after ctx ends.
	Receive(ctx context.Context, most int) ([]Message, error)
	// Delete deletes messages, 10 at most.
	Delete(context.Context, []Message) error
}

// Invoke runs the function with an event. An error is the function's error, a crash or a timeout: the
// whole batch comes back by its visibility timeout. ctx does not end, so that a function has Lambda's
// time and no other.
type Invoke func(ctx context.Context, event []byte) (answer []byte, err error)

// Options say how a queue is mapped. The names and limits are Lambda's; the zero value of a field is
// its default. ARN is required.
type Options struct {
	ARN         string        // the queue's; the region is read from it
	BatchSize   int           // 1 to 10,000, and over 10 with a Window of a second at least; 10
	Window      time.Duration // how long a batch that is not full waits for more, up to 5 minutes; 0 does not wait
	Concurrency int           // invocations at once, up to 1,000; 5, with which Lambda begins

	// Report, where it is set, is told what came of each batch, and of a receive that failed. It is called
	// from several goroutines.
	Report func(Outcome)
}

// Outcome is what came of a batch.
type Outcome struct {
	Messages []Message // the batch; none where it could not be received
	Back     []Message // those of them that were not deleted: they come back by their visibility timeout
	Err      error     // why they come back, where it is not that the function listed them
}

// The limits of Lambda and SQS.
const (
	maxReceive = 10              // messages a receive, and a delete
	maxPayload = 6 << 20         // bytes of an event
	maxBatch   = 10_000          // messages a batch
	maxAtOnce  = 1_000           // invocations
	minWindow  = 1 * time.Second // of batches over maxReceive
	maxWindow  = 5 * time.Minute
)

// The pauses after a receive that came back empty-handed.
const (
	afterError = 1 * time.Second
	afterNone  = 100 * time.Millisecond // where the source did not wait for itself
)

// Run polls until ctx ends. It returns when all that was received has been handed to the function and
// what came of it was honoured. The error is of the options.
func Run(ctx context.Context, source Source, invoke Invoke, options Options) error {
	return run(ctx, source, invoke, options, false)
}

// Drain is Run until there is nothing to be received and no invocation under way. It is for a source
// that does not wait for messages.
func Drain(ctx context.Context, source Source, invoke Invoke, options Options) error {
	return run(ctx, source, invoke, options, true)
}

func run(ctx context.Context, source Source, invoke Invoke, options Options, drain bool) error {
	o, err := options.complete()
	if err != nil {
		return fmt.Errorf("event source mapping: %w", err)
	}
	p := &poller{source: source, options: o, short: drain}
	slots := make(chan struct{}, o.Concurrency)
	var work sync.WaitGroup
	for idle := false; ; {
		slots <- struct{}{} // first, so that no message waits here while its visibility timeout runs
		batch := p.gather(ctx)
		switch {
		case len(batch) > 0:
			idle = false
			work.Go(func() {
				o.Report(serve(context.WithoutCancel(ctx), source, invoke, batch))
				<-slots
			})
			continue
		case drain && !idle && ctx.Err() == nil: // what is under way may send more
			<-slots
			work.Wait()
			idle = true
			continue
		}
		work.Wait()
		return nil
	}
}

// complete checks the options and fills in the defaults.
func (o Options) complete() (options, error) {
	parts := strings.Split(o.ARN, ":")
	if o.BatchSize == 0 {
		o.BatchSize = maxReceive
	}
	if o.Concurrency == 0 {
		o.Concurrency = 5
	}
	if o.Report == nil {
		o.Report = func(Outcome) {}
	}
	switch {
	case len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs":
		return options{}, errors.New("the ARN is not an SQS queue's")
	case o.BatchSize < 1 || o.BatchSize > maxBatch:
		return options{}, errors.New("the batch size is not 1 to 10,000")
	case o.Window < 0 || o.Window > maxWindow:
		return options{}, errors.New("the window is not 0 to 5 minutes")
	case o.BatchSize > maxReceive && o.Window < minWindow:
		return options{}, errors.New("batches over 10 need a window of a second at least")
	case o.Concurrency < 1 || o.Concurrency > maxAtOnce:
		return options{}, errors.New("the concurrency is not 1 to 1,000")
	}
	return options{o, parts[3]}, nil
}

// options are Options with the defaults filled in.
type options struct {
	Options
	region string
}
