// Package publish sends results to an EventBridge bus.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/junction-refresh/junction-refresh/internal/batch"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/preconnect"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// resultType and connectionErrorType are the detail-types on the bus.
	resultType          = "Junction User Refresh Result"
	connectionErrorType = "Junction Connection Error"
	// maxBytes is how many bytes the entries of one call have at most. EventBridge takes less than 1 MB since
	// January 2026 (before that, 256 KB). It does not say which MB, and the event that a rule's target gets is
	// some hundred bytes larger than its entry, so this is below both.
	maxBytes = 999_000
	// maxTraceHeader is the longest X-Ray header, in bytes, that EventBridge accepts. A longer one would
	// make it reject the whole call.
	maxTraceHeader = 500
)

// retryable are the error codes of entries that EventBridge may accept the next time (PutEvents).
var retryable = []string{"ThrottlingException", "InternalFailure", "InternalException"}

var errNotReported = errors.New("EventBridge did not report on a result")

// EventBridge is the part of the EventBridge client that a Bus needs.
type EventBridge interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is an EventBridge bus. It implements outbox.Bus and is safe for concurrent use.
type Bus struct {
	client   func() (EventBridge, error)
	name     string
	endpoint string // of the client, if it is not the region's own
}

// New returns the bus with the given name or ARN. The AWS configuration is loaded, and the client created,
// at the first call.
func New(load func() (aws.Config, error), name string) *Bus {
	b := &Bus{name: name}
	b.client = sync.OnceValues(func() (EventBridge, error) {
		cfg, err := load()
		client := eventbridge.NewFromConfig(cfg)
		b.endpoint = aws.ToString(client.Options().BaseEndpoint)
		return client, err
	})
	return b
}

// Connect opens the connection for the first call. It sends nothing.
func (b *Bus) Connect(ctx context.Context) {
	if client, err := b.client(); err == nil {
		preconnect.Open(ctx, b.endpoint, func(ctx context.Context) {
			_, _ = client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{}})
		})
	}
}

// entry is a result to publish, with its index among the events of a Publish.
type entry struct {
	types.PutEventsRequestEntry
	index int
}

// Publish implements outbox.Bus.
func (b *Bus) Publish(ctx context.Context, events []outbox.Event) []error {
	client, err := b.client()
	if err != nil {
		return slices.Repeat([]error{err}, len(events))
	}
	errs := make([]error, len(events))
	var entries []entry
	size := 0
	for i, event := range events {
		e, err := b.newEntry(event, i)
		if err != nil {
			errs[i] = err
			continue
		}
		if len(entries) == batch.MaxEntries || len(entries) > 0 && size+e.size() > maxBytes {
			put(ctx, client, entries, errs)
			entries, size = nil, 0
		}
		entries, size = append(entries, e), size+e.size()
	}
	if len(entries) > 0 {
		put(ctx, client, entries, errs)
	}
	return errs
}

// newEntry returns the entry of an event. A result that is too large is shortened: first by its sources, which
// its lists have too, then by the lists.
func (b *Bus) newEntry(event outbox.Event, index int) (entry, error) {
	name := resultType
	contents := []any{event.Result, event.Result.WithoutSources(), event.Result.WithoutLists()}
	if event.ConnectionError != nil {
		name, contents = connectionErrorType, []any{event.ConnectionError}
	}
	e := entry{index: index, PutEventsRequestEntry: types.PutEventsRequestEntry{
		EventBusName: &b.name, Source: aws.String(result.EventSource), DetailType: &name,
	}}
	if n := len(event.TraceHeader); n > 0 && n <= maxTraceHeader {
		e.TraceHeader = &event.TraceHeader
	}
	for _, content := range contents {
		detail, err := json.Marshal(content)
		if err != nil {
			return entry{}, err
		}
		if e.Detail = aws.String(string(detail)); e.size() <= maxBytes {
			break
		}
	}
	return e, nil
}

// size is the entry's size as EventBridge counts it
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html), and its trace header.
func (e entry) size() int {
	return len(*e.Source) + len(*e.DetailType) + len(*e.Detail) + len(aws.ToString(e.TraceHeader))
}

// put sends the entries of one call, and sends those again that EventBridge rejects for a fault of its
// own. It sets the error of each entry in errs; nil means that the entry is on the bus.
func put(ctx context.Context, client EventBridge, entries []entry, errs []error) {
	_ = batch.Send(ctx, entries, func(ctx context.Context, entries []entry) (retryEntries []entry, err error) { // errs has each error
		in := &eventbridge.PutEventsInput{}
		for _, e := range entries {
			in.Entries = append(in.Entries, e.PutEventsRequestEntry)
		}
		out, failed := client.PutEvents(ctx, in)
		for i, e := range entries {
			retry, why := false, failed
			if failed == nil {
				retry, why = readEntry(out.Entries, i, len(entries))
			}
			if errs[e.index] = why; retry {
				retryEntries, err = append(retryEntries, e), why
			}
		}
		return retryEntries, err
	})
}

// readEntry reads what EventBridge reports on the entry with index i of n. The error is nil if the entry is on
// the bus; if not, retry reports whether it may be the next time. It is if nothing is reported: an entry that
// is on the bus after all is delivered twice, but none is lost.
func readEntry(reports []types.PutEventsResultEntry, i, n int) (retry bool, err error) {
	if len(reports) != n {
		return true, errNotReported
	}
	code, id := aws.ToString(reports[i].ErrorCode), aws.ToString(reports[i].EventId)
	switch {
	case code != "":
		return slices.Contains(retryable, code), errors.New("EventBridge rejected a result: " + code)
	case id == "":
		return true, errNotReported
	}
	return false, nil
}
