// Package queue sends refreshes to an SQS queue, and delays or deletes messages that it delivered.
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
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/batch"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// maxCalls is the maximum number of concurrent calls.
const maxCalls = 10

// SQS is the part of the SQS client that a Queue needs.
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

// New returns the queue with the given URL. The AWS configuration is loaded, and the client created, at
// the first call.
func New(load func() (aws.Config, error), url string) *Queue {
	return &Queue{url: url, client: sync.OnceValues(func() (SQS, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return sqs.NewFromConfig(cfg), nil
	})}
}

// Send implements handler.Queue. A message has some 10 KB at most, with the longest client_user_id
// escaped, so ten of them are far from the 1 MiB that one call may have.
func (q *Queue) Send(ctx context.Context, messages []handler.Message) error {
	return sendBatches(ctx, q, messages, func(id *string, m handler.Message) types.SendMessageBatchRequestEntry {
		entry := types.SendMessageBatchRequestEntry{Id: id, MessageBody: &m.Body}
		if m.TraceHeader != "" {
			entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
				string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &m.TraceHeader},
			}
		}
		return entry
	}, func(ctx context.Context, client SQS, entries []types.SendMessageBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return out.Failed, nil
	})
}

// Delay implements handler.Queue.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	return sendBatches(ctx, q, delays, func(id *string, d handler.Delay) types.ChangeMessageVisibilityBatchRequestEntry {
		return types.ChangeMessageVisibilityBatchRequestEntry{
			Id: id, ReceiptHandle: &d.ReceiptHandle, VisibilityTimeout: int32(d.For / time.Second), //nolint:gosec // 12 hours at most
		}
	}, func(ctx context.Context, client SQS, entries []types.ChangeMessageVisibilityBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
		out, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return out.Failed, nil
	})
}

// DeleteMessages implements handler.Queue.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	return sendBatches(ctx, q, receiptHandles, func(id *string, handle string) types.DeleteMessageBatchRequestEntry {
		return types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: &handle}
	}, func(ctx context.Context, client SQS, entries []types.DeleteMessageBatchRequestEntry) ([]types.BatchResultErrorEntry, error) {
		out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return out.Failed, nil
	})
}

// sendBatches sends an entry for each item, in concurrent batches. Entries that SQS rejects for a fault of its own
// are resent. The error is that of an entry or a call that failed; it does not stop the other batches.
func sendBatches[T, E any](
	ctx context.Context, q *Queue, items []T,
	newEntry func(id *string, item T) E,
	call func(context.Context, SQS, []E) ([]types.BatchResultErrorEntry, error),
) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(maxCalls)
	for chunk := range slices.Chunk(items, batch.MaxEntries) {
		entries, byID := make([]E, len(chunk)), make(map[string]E, len(chunk))
		for i, item := range chunk {
			id := strconv.Itoa(i)
			entries[i] = newEntry(&id, item)
			byID[id] = entries[i]
		}
		group.Go(func() error {
			var senderFault error // of an entry that SQS would reject again
			err := batch.Send(ctx, entries, func(ctx context.Context, entries []E) (retryEntries []E, err error) {
				rejected, err := call(ctx, client, entries)
				for _, r := range rejected {
					fault := errors.New("SQS rejected a message: " + aws.ToString(r.Code))
					if r.SenderFault {
						senderFault = fault
						continue
					}
					if entry, ok := byID[aws.ToString(r.Id)]; ok {
						retryEntries = append(retryEntries, entry)
					}
					err = fault
				}
				return retryEntries, err
			})
			return cmp.Or(err, senderFault)
		})
	}
	return group.Wait()
}
