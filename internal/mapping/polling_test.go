package mapping_test

import (
	"context"
	"errors"
	"slices"
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

// script is a source that a test dictates: what each receive and delete comes to. After that it has
// nothing, and does not wait.
type script struct {
	receives []any // []mapping.Message or error
	deletes  []error

	mu     sync.Mutex
	polls  int
	gone   []int // how many messages each delete had
	onPoll func(n int)
}

func (s *script) Receive(context.Context, int) ([]mapping.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	if s.onPoll != nil {
		s.onPoll(s.polls)
	}
	if s.polls > len(s.receives) {
		return nil, nil
	}
	if err, ok := s.receives[s.polls-1].(error); ok {
		return nil, err
	}
	return s.receives[s.polls-1].([]mapping.Message), nil
}

func (s *script) Delete(ctx context.Context, messages []mapping.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, len(messages))
	if len(s.gone) <= len(s.deletes) {
		return s.deletes[len(s.gone)-1]
	}
	return ctx.Err()
}

// deleted is how many messages were to be deleted.
func (s *script) deleted() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, few := range s.gone {
		n += few
	}
	return n
}

func TestAReceiveThatFailsIsTriedAgainAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no network")
		source := &script{receives: []any{broken, broken, []mapping.Message{{ID: "1", Body: "a"}}}}
		var reported []mapping.Outcome
		f := &function{}
		began := time.Now()
		err := mapping.Drain(t.Context(), source, f.invoke, mapping.Options{ARN: arn, Report: func(o mapping.Outcome) { reported = append(reported, o) }})
		if err != nil || f.got() != "[[a]]" || time.Since(began) != 2*time.Second {
			t.Errorf("%v: the function got %s after %v", err, f.got(), time.Since(began))
		}
		if len(reported) != 3 || !errors.Is(reported[0].Err, broken) || reported[0].Messages != nil || reported[2].Err != nil {
			t.Errorf("reported %+v", reported)
		}
	})
}

func TestASourceThatDoesNotWaitIsNotAskedWithoutAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &script{}
		stop := mapped(t, source, &function{}, mapping.Options{})
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if source.polls < 100 || source.polls > 601 {
			t.Errorf("it was asked %d times in a minute", source.polls)
		}
	})
}

func TestDeletesAreOfTenMessagesAndWhatTheyDoNotTakeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var receives []any
		for i, few := range [][]string{{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, {"11", "12", "13"}} {
			var messages []mapping.Message
			for _, id := range few {
				messages = append(messages, mapping.Message{ID: id, Body: "x", ReceiptHandle: string(rune('a' + i))})
			}
			receives = append(receives, messages)
		}
		source := &script{receives: receives, deletes: []error{errors.New("no network")}}
		var out mapping.Outcome
		f := &function{answer: func(events.SQSEvent) (string, error) { return `{"batchItemFailures":[{"itemIdentifier":"2"}]}`, nil }}
		err := mapping.Drain(t.Context(), source, f.invoke, mapping.Options{
			ARN: arn, BatchSize: 100, Window: time.Second, Report: func(o mapping.Outcome) { out = o },
		})
		if err != nil || len(source.gone) != 2 || source.gone[0] != 10 || source.gone[1] != 2 {
			t.Errorf("%v: deleted %v", err, source.gone)
		}
		if len(out.Messages) != 13 || len(out.Back) != 11 || out.Err == nil || !strings.Contains(out.Err.Error(), "no network") {
			t.Errorf("reported %+v", out)
		}
	})
}

func TestAtTheEndWhatWasReceivedIsFinishedAndNothingMoreReceived(t *testing.T) {
	for name, window := range map[string]time.Duration{"under way": 0, "in its window": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := polled()
				send(t, q, "a")
				f := &function{takes: 40 * time.Second, answer: func(events.SQSEvent) (string, error) { return "", nil }}
				stop := mapped(t, q, f, mapping.Options{Window: window})
				time.Sleep(time.Second)
				began := time.Now()
				stop()
				if took := time.Since(began); f.got() != "[[a]]" || q.Len() != 0 || took < 39*time.Second || took > 40*time.Second {
					t.Errorf("after %v the function got %s, and %d messages are left", took, f.got(), q.Len())
				}
				send(t, q, "b")
				time.Sleep(time.Minute)
				if q.Len() != 1 || len(f.batches) != 1 {
					t.Errorf("the function got %s after the end", f.got())
				}
			})
		})
	}
}

func TestWhatAReceiveUnderWayBringsAtTheEndIsFinishedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		source := &script{receives: []any{[]mapping.Message{{ID: "1", Body: "a"}}, []mapping.Message{{ID: "2", Body: "b"}}}}
		source.onPoll = func(n int) {
			if n == 2 {
				cancel()
			}
		}
		f := &function{}
		if err := mapping.Run(ctx, source, f.invoke, mapping.Options{ARN: arn, Window: time.Second}); err != nil || f.got() != "[[a b]]" || source.deleted() != 2 {
			t.Errorf("%v: the function got %s", err, f.got())
		}
	})
}

func TestDrainEndsWhenNothingIsLeftButWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Visibility: time.Minute})
		send(t, q, "one", "fails")
		f := &function{takes: time.Second, answer: func(batch events.SQSEvent) (string, error) {
			for _, record := range batch.Records {
				switch record.Body {
				case "one": // as a page of users does
					return "", q.Send(t.Context(), []handler.Message{{Body: "two"}, {Body: "three"}})
				case "fails":
					return `{"batchItemFailures":[{"itemIdentifier":"` + record.MessageId + `"}]}`, nil
				}
			}
			return "", nil
		}}
		if err := mapping.Drain(t.Context(), q, f.invoke, mapping.Options{ARN: arn, BatchSize: 1}); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(f.batches, slices.Compare)
		if f.got() != "[[fails] [one] [three] [two]]" || q.Len() != 1 {
			t.Errorf("the function got %s, and %d are left", f.got(), q.Len())
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		send(t, q, "late")
		if err := mapping.Drain(ended, q, f.invoke, mapping.Options{ARN: arn}); err != nil || q.Len() != 2 {
			t.Errorf("%v: %d are left", err, q.Len())
		}
	})
}

func TestOptionsThatLambdaWouldNotTakeAreRefused(t *testing.T) {
	for name, options := range map[string]mapping.Options{
		"no ARN":                       {},
		"another service's ARN":        {ARN: "arn:aws:sns:us-east-1:123456789012:topic"},
		"a batch of a negative size":   {ARN: arn, BatchSize: -1},
		"a batch that is too large":    {ARN: arn, BatchSize: 10_001, Window: time.Second},
		"a large batch with no window": {ARN: arn, BatchSize: 11},
		"a window that is too long":    {ARN: arn, Window: 6 * time.Minute},
		"a negative window":            {ARN: arn, Window: -1},
		"no invocations":               {ARN: arn, Concurrency: -1},
		"too many invocations":         {ARN: arn, Concurrency: 1001},
	} {
		if err := mapping.Run(t.Context(), &script{}, (&function{}).invoke, options); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
