package sqstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// pollingQueue returns a queue as template.yaml has it: with long polling and a dead-letter queue.
func pollingQueue() *sqstest.Queue {
	return sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: time.Minute, MaxReceiveCount: 3, WaitTime: 20 * time.Second})
}

// start runs a mapping. stop ends it and waits for its end.
func start(t *testing.T, mapping sqstest.EventSourceMapping) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mapping.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAFailedMessageIsRetriedAfterItsVisibilityTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pollingQueue()
		send(t, q, "a", "b")
		f := &function{answer: func(batch events.SQSEvent) (string, error) { return failing(batch.Records[0].MessageId), nil }}
		stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke})
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if diff := cmp.Diff([][]string{{"a", "b"}, {"a"}, {"a"}}, f.batches); diff != "" {
			t.Errorf("the batches (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{0, time.Minute, 2 * time.Minute}, f.invokedAt); diff != "" {
			t.Errorf("the times (-want +got):\n%s", diff)
		}
		if len(q.DeadLetters()) != 1 || q.Len() != 0 {
			t.Errorf("%d dead letters, %d messages left", len(q.DeadLetters()), q.Len())
		}
	})
}

func TestWithoutAWindowABatchIsWhatOneReceiveReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := pollingQueue(), &function{duration: time.Second}
		stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke, BatchSize: 4})
		synctest.Wait()
		send(t, q, "a")
		synctest.Wait()
		send(t, q, numbers(9)...)
		time.Sleep(time.Minute)
		stop()
		var sizes []int
		for _, batch := range f.batches {
			sizes = append(sizes, len(batch))
		}
		slices.Sort(sizes)
		if diff := cmp.Diff([]int{1, 1, 4, 4}, sizes); diff != "" {
			t.Errorf("the sizes of the batches (-want +got):\n%s", diff)
		}
		if f.mostRunning != 4 || q.Len() != 0 {
			t.Errorf("%d invocations at once, %d messages left", f.mostRunning, q.Len())
		}
	})
}

func TestABatchThatIsNotFullWaitsForItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := pollingQueue(), &function{}
		stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke, BatchSize: 25, BatchingWindow: 5 * time.Second})
		send(t, q, numbers(12)...)
		time.Sleep(4 * time.Second)
		send(t, q, "in time")
		synctest.Wait()
		if got := f.received(); len(got) != 0 {
			t.Errorf("the function received %v before the window was over", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([][]string{append(numbers(12), "in time")}, f.received()); diff != "" {
			t.Errorf("the batches (-want +got):\n%s", diff)
		}
		began := time.Now()
		send(t, q, numbers(25)...) // the first of them go to the receive that took longer than the window
		synctest.Wait()
		if got := f.received(); len(got) != 2 || len(got[1]) != 25 || time.Since(began) != 0 {
			t.Errorf("a full batch waited %v: %v", time.Since(began), got)
		}
		stop()
	})
}

func TestNoMoreInvocationsRunAtOnceThanMaxConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := pollingQueue()
		send(t, q, numbers(10)...)
		f := &function{duration: 50 * time.Second} // a message that was received too early would become visible again
		stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke, BatchSize: 2, MaxConcurrency: 2})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		stop()
		if f.mostRunning != 2 || len(f.batches) != 5 || q.Len() != 0 {
			t.Errorf("%d invocations at once, batches %v, %d messages left", f.mostRunning, f.batches, q.Len())
		}
	})
}

func TestStopFinishesWhatWasReceivedAndReceivesNoMore(t *testing.T) {
	for name, window := range map[string]time.Duration{"during an invocation": 0, "during a window": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := pollingQueue()
				send(t, q, "a")
				f := &function{duration: 40 * time.Second, answer: func(events.SQSEvent) (string, error) { return "", nil }}
				stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke, BatchingWindow: window})
				time.Sleep(time.Second)
				began := time.Now()
				stop()
				if took := time.Since(began); took < 39*time.Second || took > 40*time.Second || q.Len() != 0 {
					t.Errorf("stopped after %v with %d messages left", took, q.Len())
				}
				send(t, q, "b")
				time.Sleep(time.Minute)
				if diff := cmp.Diff([][]string{{"a"}}, f.received()); diff != "" || q.Len() != 1 {
					t.Errorf("%d messages left, and the batches (-want +got):\n%s", q.Len(), diff)
				}
			})
		})
	}
}

func TestStopFinishesWhatAPendingReceiveReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		source := &scriptedSource{receives: []any{[]sqstest.Message{{ID: "1", Body: "a"}}, []sqstest.Message{{ID: "2", Body: "b"}}}}
		source.onReceive = func(n int) {
			if n == 2 {
				cancel()
			}
		}
		f := &function{}
		if err := (sqstest.EventSourceMapping{Source: source, Function: f.invoke, BatchingWindow: time.Second}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]string{{"a", "b"}}, f.batches); diff != "" || source.deletedTotal() != 2 {
			t.Errorf("%d messages deleted, and the batches (-want +got):\n%s", source.deletedTotal(), diff)
		}
	})
}

func TestDrain(t *testing.T) {
	t.Run("ends when only invisible messages are left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: time.Minute})
			send(t, q, "first", "fails")
			f := &function{duration: time.Second, answer: func(batch events.SQSEvent) (string, error) {
				switch record := batch.Records[0]; record.Body {
				case "first": // as a page of users does
					return "", q.Send(t.Context(), []handler.Message{{Body: "second"}, {Body: "third"}})
				case "fails":
					return failing(record.MessageId), nil
				}
				return "", nil
			}}
			if err := (sqstest.EventSourceMapping{Source: q, Function: f.invoke, BatchSize: 1}).Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(f.batches, slices.Compare)
			if diff := cmp.Diff([][]string{{"fails"}, {"first"}, {"second"}, {"third"}}, f.batches); diff != "" || q.Len() != 1 {
				t.Errorf("%d messages left, and the batches (-want +got):\n%s", q.Len(), diff)
			}
		})
	})
	t.Run("receives nothing after its context has ended", func(t *testing.T) {
		q, f := sqstest.NewQueue(sqstest.QueueOptions{}), &function{}
		send(t, q, "late")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := (sqstest.EventSourceMapping{Source: q, Function: f.invoke}).Drain(ended); err != nil || q.Len() != 1 || len(f.batches) != 0 {
			t.Errorf("%v: %d messages left, batches %v", err, q.Len(), f.batches)
		}
	})
}

func TestOptionsThatLambdaRefuses(t *testing.T) {
	for name, mapping := range map[string]sqstest.EventSourceMapping{
		"another service's ARN":        {QueueARN: "arn:aws:sns:us-east-1:123456789012:topic"},
		"a batch of a negative size":   {BatchSize: -1},
		"a batch that is too large":    {BatchSize: 10_001, BatchingWindow: time.Second},
		"a large batch with no window": {BatchSize: 11},
		"a window that is too long":    {BatchingWindow: 6 * time.Minute},
		"a negative window":            {BatchingWindow: -1},
		"a negative concurrency":       {MaxConcurrency: -1},
		"too many invocations":         {MaxConcurrency: 1001},
	} {
		t.Run(name, func(t *testing.T) {
			mapping.Source, mapping.Function = &scriptedSource{}, (&function{}).invoke
			for name, err := range map[string]error{"Run": mapping.Run(t.Context()), "Drain": mapping.Drain(t.Context())} {
				if err == nil || !strings.HasPrefix(err.Error(), "event source mapping: ") {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

var errNoNetwork = errors.New("no network")
