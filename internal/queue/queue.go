// Package queue puts refreshes on an SQS queue, and keeps messages that came from it out of sight for a
// while.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/handler"
)

const (
	// together is how many messages one call takes (SQS, SendMessageBatch). Ours have some 10 KB at most,
	// with the longest client_user_id escaped: far from the 256 KiB that a call may have.
	together = 10
	// calls is how many calls are made at once.
	calls = 10
	// tries is how often entries are sent that SQS takes others than.
	tries = 4
	// firstPause is the mean of the pause before the second try; the pauses double.
	firstPause = 50 * time.Millisecond
)

// SQS is the part of SQS that is needed.
type SQS interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Queue is an SQS queue. It implements handler.Queue and is safe for concurrent use.
type Queue struct {
	client func() (SQS, error)
	url    string
}

// New returns the queue with a URL. The AWS client is made at its first use, of a configuration that is
// loaded then.
func New(load func() (aws.Config, error), url string) *Queue {
	return &Queue{url: url, client: sync.OnceValues(func() (SQS, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return sqs.NewFromConfig(cfg), nil
	})}
}

// Send implements handler.Queue: batches of ten, several at once. What SQS takes of a batch is not sent
// again; what it refuses for a fault of its own is.
func (q *Queue) Send(ctx context.Context, messages []handler.Message) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var sending errgroup.Group
	sending.SetLimit(calls)
	for batch := range slices.Chunk(messages, together) {
		sending.Go(func() error { return q.send(ctx, client, batch) })
	}
	return sending.Wait()
}

// send sends up to ten messages.
func (q *Queue) send(ctx context.Context, client SQS, messages []handler.Message) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &m.Body}
		if m.TraceHeader != "" {
			entries[i].MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
				string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &m.TraceHeader},
			}
		}
	}
	return again(ctx, func() error {
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return backoff.Permanent(err) // the SDK has tried again
		}
		failed, err := refused(out.Failed)
		entries = slices.DeleteFunc(entries, func(e types.SendMessageBatchRequestEntry) bool { return !failed[*e.Id] })
		return err
	})
}

// Delay implements handler.Queue.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var faults []error
	for batch := range slices.Chunk(delays, together) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(batch))
		for i, d := range batch {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &d.ReceiptHandle, VisibilityTimeout: int32(d.For / time.Second), //nolint:gosec // 12 hours at most
			}
		}
		faults = append(faults, again(ctx, func() error {
			out, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
			if err != nil {
				return backoff.Permanent(err)
			}
			failed, err := refused(out.Failed)
			entries = slices.DeleteFunc(entries, func(e types.ChangeMessageVisibilityBatchRequestEntry) bool { return !failed[*e.Id] })
			return err
		}))
	}
	return errors.Join(faults...)
}

// refused returns which entries SQS did not take, and an error that says why; it is permanent where the
// fault is in an entry and not in SQS.
func refused(entries []types.BatchResultErrorEntry) (ids map[string]bool, err error) {
	ids = map[string]bool{}
	for _, e := range entries {
		ids[aws.ToString(e.Id)] = true
		if fault := fmt.Errorf("SQS refuses a message: %s", aws.ToString(e.Code)); e.SenderFault {
			err = backoff.Permanent(fault)
		} else if err == nil {
			err = fault
		}
	}
	return ids, err
}

// again makes a call until it succeeds, cannot succeed, was made often enough, or ctx ends.
func again(ctx context.Context, call func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 1, Multiplier: 2, MaxInterval: time.Second}
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, call() },
		backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0))
	return err
}
