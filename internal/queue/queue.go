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
	client func() (*sqs.Client, error)
	url    string
}

// New returns the queue with the given URL. The AWS configuration is loaded, and the client created, at
// the first call.
func New(load func() (aws.Config, error), url string) *Queue {
	return &Queue{url: url, client: sync.OnceValues(func() (*sqs.Client, error) {
		cfg, err := load()
		return sqs.NewFromConfig(cfg), err
	})}
}

// Connect opens the connection for the first call. It sends nothing.
func (q *Queue) Connect(ctx context.Context) {
	if client, err := q.client(); err == nil {
		preconnect.Open(ctx, aws.ToString(client.Options().BaseEndpoint), func(ctx context.Context) {
			none := []types.DeleteMessageBatchRequestEntry{}
			_, _ = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: none})
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
	}, func(ctx context.Context, client SQS, entries []types.SendMessageBatchRequestEntry) (reports, error) {
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return report(out.Successful, func(e types.SendMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// Delay implements handler.Queue.
func (q *Queue) Delay(ctx context.Context, delays []handler.Delay) error {
	return sendBatches(ctx, q, delays, func(id *string, d handler.Delay) types.ChangeMessageVisibilityBatchRequestEntry {
		return types.ChangeMessageVisibilityBatchRequestEntry{
			Id: id, ReceiptHandle: &d.ReceiptHandle, VisibilityTimeout: int32(d.For / time.Second), //nolint:gosec // 12 hours at most
		}
	}, func(
		ctx context.Context, client SQS, entries []types.ChangeMessageVisibilityBatchRequestEntry,
	) (reports, error) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries}
		out, err := client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return nil, err
		}
		id := func(e types.ChangeMessageVisibilityBatchResultEntry) *string { return e.Id }
		return report(out.Successful, id, out.Failed), nil
	})
}

// DeleteMessages implements handler.Queue.
func (q *Queue) DeleteMessages(ctx context.Context, receiptHandles []string) error {
	return sendBatches(ctx, q, receiptHandles, func(id *string, handle string) types.DeleteMessageBatchRequestEntry {
		return types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: &handle}
	}, func(ctx context.Context, client SQS, entries []types.DeleteMessageBatchRequestEntry) (reports, error) {
		out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, err
		}
		return report(out.Successful, func(e types.DeleteMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// reports are what SQS reports on the entries of a call, by ID: nil for one that it has accepted.
type reports map[string]*types.BatchResultErrorEntry

func report[E any](accepted []E, id func(E) *string, rejected []types.BatchResultErrorEntry) reports {
	all := reports{}
	for _, r := range rejected {
		all[aws.ToString(r.Id)] = &r
	}
	for _, e := range accepted {
		all[aws.ToString(id(e))] = nil
	}
	return all
}

// errNotReported is why an entry is sent again that SQS reports neither as accepted nor as rejected.
var errNotReported = errors.New("SQS did not report on a message")

// read returns which of the entries with the given IDs are to be sent again, and why. senderFault is the
// error of an entry that SQS would reject again.
func (all reports) read(ids []string) (retry []string, err, senderFault error) {
	for _, id := range ids {
		switch r, reported := all[id]; {
		case !reported:
			retry, err = append(retry, id), errNotReported
		case r == nil: // accepted
		case r.SenderFault:
			senderFault = errors.New("SQS rejected a message: " + aws.ToString(r.Code))
		default:
			retry, err = append(retry, id), errors.New("SQS rejected a message: "+aws.ToString(r.Code))
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
	call func(context.Context, SQS, []E) (reports, error),
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
