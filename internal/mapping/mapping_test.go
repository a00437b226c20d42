package mapping_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/mapping"
	"github.com/junction-refresh/junction-refresh/internal/mapping/memory"
)

const arn = "arn:aws:sqs:eu-central-1:123456789012:refreshes"

// function is a function of a test's own. It keeps the batches that it got, as the bodies of each.
type function struct {
	answer func(batch events.SQSEvent) (string, error) // nil is done with everything
	takes  time.Duration

	mu      sync.Mutex
	batches [][]string
	at      []time.Duration // when, from the first on
	first   time.Time
	running int
	peak    int
}

func (f *function) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	var bodies []string
	for _, record := range batch.Records {
		bodies = append(bodies, record.Body)
	}
	f.mu.Lock()
	if f.first.IsZero() {
		f.first = time.Now()
	}
	f.batches, f.at = append(f.batches, bodies), append(f.at, time.Since(f.first))
	f.running++
	f.peak = max(f.peak, f.running)
	f.mu.Unlock()
	time.Sleep(f.takes)
	f.mu.Lock()
	f.running--
	f.mu.Unlock()
	if f.answer == nil {
		return nil, ctx.Err()
	}
	answer, err := f.answer(batch)
	return []byte(answer), err
}

// got is what the function got, in one text: batches by bodies.
func (f *function) got() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.batches)
}

func send(t *testing.T, q *memory.Queue, bodies ...string) {
	t.Helper()
	var messages []handler.Message
	for _, body := range bodies {
		messages = append(messages, handler.Message{Body: body})
	}
	if err := q.Send(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// numbered returns bodies 1 to n.
func numbered(n int) []string {
	var bodies []string
	for i := range n {
		bodies = append(bodies, fmt.Sprint(i+1))
	}
	return bodies
}

// mapped runs a mapping until the returned function ends it, which waits for that.
func mapped(t *testing.T, source mapping.Source, f *function, options mapping.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	options.ARN = arn
	ended := make(chan error, 1)
	go func() { ended <- mapping.Run(ctx, source, f.invoke, options) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func polled() *memory.Queue {
	return memory.New(memory.Options{Visibility: time.Minute, MaxReceives: 3, Wait: 20 * time.Second})
}

func TestWhatFailedComesBackByItsVisibilityTimeoutAndNoSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := polled()
		send(t, q, "a", "b")
		f := &function{answer: func(batch events.SQSEvent) (string, error) {
			return `{"batchItemFailures":[{"itemIdentifier":"` + batch.Records[0].MessageId + `"}]}`, nil
		}}
		stop := mapped(t, q, f, mapping.Options{})
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if got := fmt.Sprint(f.got(), f.at); got != "[[a b] [a] [a]][0s 1m0s 2m0s]" || len(q.Dead()) != 1 || q.Len() != 0 {
			t.Errorf("the function got %s; %d are dead, %d left", got, len(q.Dead()), q.Len())
		}
	})
}

func TestABatchIsWhatOneReceiveHasWhereThereIsNoWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := polled()
		f := &function{takes: time.Second}
		stop := mapped(t, q, f, mapping.Options{BatchSize: 4})
		synctest.Wait()
		send(t, q, "a")
		synctest.Wait()
		send(t, q, numbered(9)...)
		time.Sleep(time.Minute)
		stop()
		sizes := map[int]int{}
		for _, batch := range f.batches {
			sizes[len(batch)]++
		}
		if sizes[1] != 2 || sizes[4] != 2 || f.peak != 4 || q.Len() != 0 {
			t.Errorf("the function got %s, %d at once; %d are left", f.got(), f.peak, q.Len())
		}
	})
}

func TestABatchThatIsNotFullWaitsForItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := polled()
		f := &function{}
		stop := mapped(t, q, f, mapping.Options{BatchSize: 25, Window: 5 * time.Second})
		send(t, q, numbered(12)...)
		time.Sleep(4 * time.Second)
		send(t, q, "in time")
		synctest.Wait()
		if f.got() != "[]" {
			t.Errorf("the function got %s before the window was over", f.got())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if f.got() != "[[1 2 3 4 5 6 7 8 9 10 11 12 in time]]" {
			t.Errorf("the function got %s", f.got())
		}
		began := time.Now()
		send(t, q, numbered(25)...) // the receive that outlasted the window has the first
		synctest.Wait()
		if len(f.batches) != 2 || len(f.batches[1]) != 25 || time.Since(began) != 0 {
			t.Errorf("a full batch waited: the function got %s", f.got())
		}
		stop()
	})
}

func TestNoMoreInvocationsRunAtOnceThanAreAllowedAndNoMessageWaitsReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := polled()
		send(t, q, numbered(10)...)
		f := &function{takes: 50 * time.Second} // beside a visibility timeout of a minute
		stop := mapped(t, q, f, mapping.Options{BatchSize: 2, Concurrency: 2})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		stop()
		if f.peak != 2 || len(f.batches) != 5 || q.Len() != 0 {
			t.Errorf("%d ran at once; the function got %s", f.peak, f.got())
		}
	})
}

func TestAnEventHasSixMegabytesAtMost(t *testing.T) {
	q := memory.New(memory.Options{})
	large := strings.Repeat("x", 1<<20)
	send(t, q, "1", large, large, large, large, large, large, "2", "3")
	sizes := []int{}
	err := mapping.Drain(t.Context(), q, func(_ context.Context, event []byte) ([]byte, error) {
		sizes = append(sizes, len(event))
		return nil, nil
	}, mapping.Options{ARN: arn, Concurrency: 1})
	if err != nil || len(sizes) != 2 || sizes[0] > 6<<20 || sizes[0] < 5<<20 || sizes[1] < 1<<20 || q.Len() != 0 {
		t.Errorf("%v: the events have %v bytes, %d messages are left", err, sizes, q.Len())
	}
}

func TestAMessageThatIsTooLargeForAnyEventIsABatchOfItsOwn(t *testing.T) {
	var f function
	source := &script{receives: []any{[]mapping.Message{{ID: "1", Body: "a"}, {ID: "2", Body: strings.Repeat("\"", 4<<20)}, {ID: "3", Body: "b"}}}}
	if err := mapping.Drain(t.Context(), source, f.invoke, mapping.Options{ARN: arn, Concurrency: 1}); err != nil || len(f.batches) != 3 || source.deleted() != 3 {
		t.Errorf("%v: %d batches", err, len(f.batches))
	}
}
