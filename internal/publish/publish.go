// Package publish puts results on an EventBridge bus.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// detailType is the detail-type of a result on the bus.
const detailType = "Junction User Refresh Result"

const (
	// together is how many entries one call takes (EventBridge, PutEvents).
	together = 10
	// maxCall is the most that the entries of one call have, in bytes. EventBridge's own limit has been
	// this, and more since; an entry that is larger by itself goes alone, and EventBridge decides.
	maxCall = 256 << 10
	// maxTrace is the longest X-Ray header that an entry takes, in bytes: one that is longer would have the
	// whole call refused.
	maxTrace = 500
	// tries is how often an entry is sent that EventBridge refuses for a fault of its own.
	tries = 4
	// callTimeout bounds one call with the SDK's retries: a bus that hangs must be found out while the result
	// is still remembered, so that its message can come back without another refresh.
	callTimeout = 5 * time.Second
	// firstPause is the mean of the pause before the second try; the pauses double.
	firstPause = 50 * time.Millisecond
)

// passing are the error codes of an entry that may be taken the next time (EventBridge, PutEvents).
var passing = []string{"ThrottlingException", "InternalFailure", "InternalException"}

// EventBridge is the part of EventBridge that is needed.
type EventBridge interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is an EventBridge bus. It implements outbox.Bus and is safe for concurrent use.
type Bus struct {
	client  func() (EventBridge, error)
	name    string
	timeout time.Duration // callTimeout
}

// New returns the bus with a name or ARN. The AWS client is made at its first use, of a configuration
// that is loaded then.
func New(load func() (aws.Config, error), name string) *Bus {
	return &Bus{name: name, timeout: callTimeout, client: sync.OnceValues(func() (EventBridge, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return eventbridge.NewFromConfig(cfg), nil
	})}
}

// entry is a result on its way, with its place among those of a Publish.
type entry struct {
	types.PutEventsRequestEntry
	place int
}

// Publish implements outbox.Bus.
func (b *Bus) Publish(ctx context.Context, events []outbox.Event) []error {
	faults := make([]error, len(events))
	client, err := b.client()
	var group []entry
	size := 0
	put := func() {
		b.put(ctx, client, group, faults)
		group, size = nil, 0
	}
	for i, e := range events {
		var one entry
		if err == nil {
			one, faults[i] = b.entry(e, i)
		} else {
			faults[i] = err
		}
		if faults[i] != nil {
			continue
		}
		if len(group) == together || len(group) > 0 && size+sizeOf(one) > maxCall {
			put()
		}
		group, size = append(group, one), size+sizeOf(one)
	}
	if len(group) > 0 {
		put()
	}
	return faults
}

func (b *Bus) entry(e outbox.Event, place int) (entry, error) {
	detail, err := json.Marshal(e.Result)
	if err != nil {
		return entry{}, err
	}
	one := entry{place: place, PutEventsRequestEntry: types.PutEventsRequestEntry{
		EventBusName: &b.name, Source: aws.String(result.EventSource), DetailType: aws.String(detailType), Detail: aws.String(string(detail)),
	}}
	if n := len(e.TraceHeader); n > 0 && n <= maxTrace {
		one.TraceHeader = &e.TraceHeader
	}
	return one, nil
}

// sizeOf is an entry's size as EventBridge counts it
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html), and its trace header.
func sizeOf(e entry) int {
	return len(*e.Source) + len(*e.DetailType) + len(*e.Detail) + len(aws.ToString(e.TraceHeader))
}

// put sends the entries of one call, and those again that EventBridge refuses for a fault of its own. It
// leaves at each one's place why it is not on the bus.
func (b *Bus) put(ctx context.Context, client EventBridge, entries []entry, faults []error) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 1, Multiplier: 2, MaxInterval: time.Second}
	_, _ = backoff.Retry(ctx, func() (struct{}, error) { // faults says it all
		in := &eventbridge.PutEventsInput{}
		for _, e := range entries {
			in.Entries = append(in.Entries, e.PutEventsRequestEntry)
		}
		ctx, cancel := context.WithTimeout(ctx, b.timeout)
		defer cancel()
		out, err := client.PutEvents(ctx, in)
		if err == nil && len(out.Entries) != len(entries) {
			err = errors.New("EventBridge does not say what it took")
		}
		if err != nil { // the SDK has tried again
			for _, e := range entries {
				faults[e.place] = err
			}
			return struct{}{}, backoff.Permanent(err)
		}
		var again []entry
		for i, e := range entries {
			faults[e.place] = nil
			if code := aws.ToString(out.Entries[i].ErrorCode); code != "" {
				faults[e.place] = errors.New("EventBridge refuses a result: " + code)
				if slices.Contains(passing, code) {
					again = append(again, e)
				}
			}
		}
		if entries = again; len(again) > 0 {
			return struct{}{}, faults[again[0].place]
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0))
}
