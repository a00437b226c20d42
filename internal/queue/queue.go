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
	"github.com/junction-refresh/junction-refresh/internal/preconnect"
)

// maxCalls is how many calls are made at once.
const maxCalls = 10

// SQS is the part of the SQS client that a Queue needs.
type SQS interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// Queue is an SQS queue. It implements handler.Queue and is safe for concurrent use.
type Queue struct {
	client   func() (SQS, error)
	url      string
	endpoint string // of the client, if it is not the region's own
}

// New returns the queue with the given URL. The AWS configuration is loaded, and the client created, at
// the first call.
func New(load func() (aws.Config, error), url string) *Queue {
	q := &Queue{url: url}
	q.client = sync.OnceValues(func() (SQS, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		client := sqs.NewFromConfig(cfg)
		q.endpoint = aws.ToString(client.Options().BaseEndpoint)
		return client, nil
	})
	return q
}

// Connect opens the connection for the first call. It sends nothing.
func (q *Queue) Connect(ctx context.Context) {
	if client, err := q.client(); err == nil {
		preconnect.Open(ctx, q.endpoint, func(ctx context.Context) {
			_, _ = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: []types.DeleteMessageBatchRequestEntry{}})
		})
	}
}

// Send implements handler.Queue. A message for a user has some 10 KB at most, with the longest client_user_id
// escaped, so ten of them are far from the 1 MiB that one call may have. A follow-up may be larger: it is sent
// alone.
func (q *Queue) Send(ctx context.Context, messages []handler.Message) error {
	return sendBatches(ctx, q, messages, func(id *string, m handler.Message) types.SendMessageBatchRequestEntry {
		entry := types.SendMessageBatchRequestEntry{Id: id, MessageBody: &m.Body}
		entry.DelaySeconds = int32(m.Delay / time.Second) //nolint:gosec // 15 minutes at most
		if m.TraceHeader != "" {
			entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
				string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &m.TraceHeader},
			}
		}
		return entry
	}, func(ctx context.Context, client SQS, entries []types.SendMessageBatchRequestEntry) (outcome, error) {
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return outcome{}, err
		}
		return newOutcome(out.Successful, func(e types.SendMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// Delay implements handler.Queue.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	return sendBatches(ctx, q, delays, func(id *string, d handler.Delay) types.ChangeMessageVisibilityBatchRequestEntry {
		return types.ChangeMessageVisibilityBatchRequestEntry{
			Id: id, ReceiptHandle: &d.ReceiptHandle, VisibilityTimeout: int32(d.For / time.Second), //nolint:gosec // 12 hours at most
		}
	}, func(ctx context.Context, client SQS, entries []types.ChangeMessageVisibilityBatchRequestEntry) (outcome, error) {
		out, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return outcome{}, err
		}
		return newOutcome(out.Successful, func(e types.ChangeMessageVisibilityBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// DeleteMessages implements handler.Queue.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	return sendBatches(ctx, q, receiptHandles, func(id *string, handle string) types.DeleteMessageBatchRequestEntry {
		return types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: &handle}
	}, func(ctx context.Context, client SQS, entries []types.DeleteMessageBatchRequestEntry) (outcome, error) {
		out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return outcome{}, err
		}
		return newOutcome(out.Successful, func(e types.DeleteMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// outcome is what SQS reports on the entries of a call.
type outcome struct {
	accepted []string // IDs
	rejected []types.BatchResultErrorEntry
}

func newOutcome[E any](accepted []E, id func(E) *string, rejected []types.BatchResultErrorEntry) outcome {
	o := outcome{rejected: rejected}
	for _, e := range accepted {
		o.accepted = append(o.accepted, aws.ToString(id(e)))
	}
	return o
}

// errNotReported is why an entry is sent again that SQS reports neither as accepted nor as rejected.
var errNotReported = errors.New("SQS did not report on a message")

// read returns which of the entries with the given IDs are to be sent again, and why. senderFault is the
// error of an entry that SQS would reject again.
func (o outcome) read(ids []string) (retry []string, err, senderFault error) {
	faults := make(map[string]error, len(ids))
	for _, id := range ids {
		faults[id] = errNotReported
	}
	for _, r := range o.rejected {
		id, fault := aws.ToString(r.Id), errors.New("SQS rejected a message: "+aws.ToString(r.Code))
		faults[id] = fault
		if r.SenderFault {
			delete(faults, id)
			senderFault = fault
		}
	}
	for _, id := range o.accepted {
		delete(faults, id)
	}
	for _, id := range ids {
		if fault := faults[id]; fault != nil {
			retry, err = append(retry, id), fault
		}
	}
	return retry, err, senderFault
}

// sendBatches makes an entry of each item, and sends the entries in batches, several at once. Entries are sent
// again if SQS rejects them for a fault of its own or does not report on them. The error is that of an entry,
// or of a call, that failed for good; it does not stop the other batches.
func sendBatches[T, E any](
	ctx context.Context, q *Queue, items []T,
	newEntry func(id *string, item T) E,
	call func(context.Context, SQS, []E) (outcome, error),
) error {
	client, err := q.client()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(maxCalls)
	for chunk := range slices.Chunk(items, batch.MaxEntries) {
		ids, byID := make([]string, len(chunk)), make(map[string]E, len(chunk))
		for i, item := range chunk {
			ids[i] = strconv.Itoa(i)
			byID[ids[i]] = newEntry(&ids[i], item)
		}
		group.Go(func() error {
			var senderFault error
			err := batch.Send(ctx, ids, func(ctx context.Context, ids []string) ([]string, error) {
				entries := make([]E, len(ids))
				for i, id := range ids {
					entries[i] = byID[id]
				}
				out, err := call(ctx, client, entries)
				if err != nil {
					return nil, err
				}
				retry, err, fault := out.read(ids)
				senderFault = cmp.Or(senderFault, fault)
				return retry, err
			})
			return cmp.Or(err, senderFault)
		})
	}
	return group.Wait()
}
