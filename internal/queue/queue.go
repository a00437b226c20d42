// Package queue puts refreshes on an SQS queue, and keeps messages that came from it out of sight for a
// while.
package queue

import (
	"cmp"
	"context"
	"errors"
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
	// with the longest client_user_id escaped: far from the 1 MiB that a call may have.
	together = 10
	// calls is how many calls are made at once.
	calls = 10
	// tries is how often entries are sent that SQS takes others than.
	tries = 4
	// callTimeout bounds one call with the SDK's retries.
	callTimeout = 5 * time.Second
	// firstPause is the mean of the pause before the second try; the pauses double.
	firstPause = 50 * time.Millisecond
)

// SQS is the part of SQS that is needed.
type SQS interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
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
	return insist(ctx, entries, func(e types.SendMessageBatchRequestEntry) *string { return e.Id },
		func(ctx context.Context, entries []types.SendMessageBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
			out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
			if err != nil {
				return nil, err
			}
			return out.Failed, nil
		})
}

// Delay implements handler.Queue.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var delaying errgroup.Group
	delaying.SetLimit(calls)
	for batch := range slices.Chunk(delays, together) {
		delaying.Go(func() error { return q.delay(ctx, client, batch) })
	}
	return delaying.Wait()
}

// delay delays up to ten messages.
func (q *Queue) delay(ctx context.Context, client SQS, delays []handler.Delay) error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(delays))
	for i, d := range delays {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &d.ReceiptHandle, VisibilityTimeout: int32(d.For / time.Second), //nolint:gosec // 12 hours at most
		}
	}
	return insist(ctx, entries, func(e types.ChangeMessageVisibilityBatchRequestEntry) *string { return e.Id },
		func(ctx context.Context, entries []types.ChangeMessageVisibilityBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
			out, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
			if err != nil {
				return nil, err
			}
			return out.Failed, nil
		})
}

// DeleteMessages implements handler.Queue.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var faults []error
	for batch := range slices.Chunk(receiptHandles, together) {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(batch))
		for i, handle := range batch {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handle}
		}
		faults = append(faults, insist(ctx, entries, func(e types.DeleteMessageBatchRequestEntry) *string { return e.Id },
			func(ctx context.Context, entries []types.DeleteMessageBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
				out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
				if err != nil {
					return nil, err
				}
				return out.Failed, nil
			}))
	}
	return errors.Join(faults...)
}

// insist makes a call for entries, and again for those that SQS refuses for a fault of its own, until
// there are none, it was made often enough, or ctx ends. The error is of an entry that SQS did not take.
func insist[E any](ctx context.Context, entries []E, id func(E) *string, call func(context.Context, []E) ([]types.BatchResultErrorEntry, error)) error {
	var sendersFault error
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 1, Multiplier: 2, MaxInterval: time.Second}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		refused, err := call(ctx, entries)
		if err != nil {
			return struct{}{}, backoff.Permanent(err) // the SDK has tried again
		}
		again := map[string]bool{}
		for _, e := range refused {
			fault := errors.New("SQS refuses a message: " + aws.ToString(e.Code))
			if e.SenderFault {
				sendersFault = fault
			} else {
				again[aws.ToString(e.Id)], err = true, fault
			}
		}
		entries = slices.DeleteFunc(entries, func(e E) bool { return !again[*id(e)] })
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0))
	return cmp.Or(err, sendersFault)
}
