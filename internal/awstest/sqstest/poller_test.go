package sqstest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
)

func TestAFailedReceiveIsRetriedAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &scriptedSource{receives: []any{errNoNetwork, errNoNetwork, []sqstest.Message{{ID: "1", Body: "a"}}}}
		var outcomes []sqstest.Outcome
		f, began := &function{}, time.Now()
		err := sqstest.EventSourceMapping{Source: source, Function: f.invoke, Report: func(o sqstest.Outcome) {
			outcomes = append(outcomes, o)
		}}.Drain(t.Context())
		if diff := cmp.Diff([][]string{{"a"}}, f.batches); err != nil || diff != "" || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v, and the batches (-want +got):\n%s", err, time.Since(began), diff)
		}
		if len(outcomes) != 3 || !errors.Is(outcomes[0].Err, errNoNetwork) || outcomes[0].Messages != nil || outcomes[2].Err != nil {
			t.Errorf("reported %+v", outcomes)
		}
	})
}

func TestASourceThatDoesNotWaitIsPolledWithPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &scriptedSource{}
		stop := start(t, sqstest.EventSourceMapping{Source: source, Function: (&function{}).invoke})
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if source.received < 100 || source.received > 601 {
			t.Errorf("%d receives in a minute", source.received)
		}
	})
}

func TestAnEventIsAtMostSixMegabytes(t *testing.T) {
	t.Run("the batch ends before the message that does not fit", func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{})
		large := strings.Repeat("x", 1<<20)
		send(t, q, "1", large, large, large, large, large, large, "2", "3")
		var sizes []int
		err := sqstest.EventSourceMapping{Source: q, MaxConcurrency: 1, Function: func(_ context.Context, event []byte) ([]byte, error) {
			sizes = append(sizes, len(event))
			return nil, nil
		}}.Drain(t.Context())
		if err != nil || len(sizes) != 2 || sizes[0] > 6<<20 || sizes[0] < 5<<20 || sizes[1] < 1<<20 || q.Len() != 0 {
			t.Errorf("%v: the events have %v bytes, %d messages left", err, sizes, q.Len())
		}
	})
	t.Run("a message that no event holds is a batch of its own", func(t *testing.T) {
		f := &function{}
		source := &scriptedSource{receives: []any{[]sqstest.Message{{ID: "1", Body: "a"}, {ID: "2", Body: strings.Repeat("\"", 4<<20)}, {ID: "3", Body: "b"}}}}
		err := sqstest.EventSourceMapping{Source: source, Function: f.invoke, MaxConcurrency: 1}.Drain(t.Context())
		if err != nil || len(f.batches) != 3 || source.deletedTotal() != 3 {
			t.Errorf("%v: %d batches, %d messages deleted", err, len(f.batches), source.deletedTotal())
		}
	})
}
