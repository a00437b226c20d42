package batch_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/batch"
)

var errRejected = errors.New("rejected")

// service is an AWS service's batch call. It rejects each entry as often as rejections says.
type service struct {
	rejections map[string]int
	calls      [][]string
}

func (s *service) call(_ context.Context, entries []string) (retry []string, err error) {
	s.calls = append(s.calls, slices.Clone(entries))
	for _, entry := range entries {
		if s.rejections[entry] > 0 {
			s.rejections[entry]--
			retry, err = append(retry, entry), errRejected
		}
	}
	return retry, err
}

func TestOnlyRejectedEntriesAreResent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{rejections: map[string]int{"b": 2, "c": 1}}
		if err := batch.Send(t.Context(), []string{"a", "b", "c"}, s.call); err != nil {
			t.Error(err)
		}
		want := [][]string{{"a", "b", "c"}, {"b", "c"}, {"b"}}
		if diff := cmp.Diff(want, s.calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestAnEntryThatIsAlwaysRejectedIsSentFourTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{rejections: map[string]int{"a": 100}}
		start := time.Now()
		err := batch.Send(t.Context(), []string{"a", "b"}, s.call)
		if !errors.Is(err, errRejected) || len(s.calls) != 4 {
			t.Errorf("%v after %d calls, want %v after 4", err, len(s.calls), errRejected)
		}
		if took := time.Since(start); took > 2*(50+100+200)*time.Millisecond {
			t.Errorf("the pauses took %v, which is more than twice their means", took)
		}
	})
}

func TestAnErrorWithoutEntriesToRetryIsFinal(t *testing.T) {
	calls := 0
	err := batch.Send(t.Context(), []string{"a"}, func(context.Context, []string) ([]string, error) {
		calls++
		return nil, errRejected
	})
	if !errors.Is(err, errRejected) || calls != 1 {
		t.Errorf("%v after %d calls, want %v after 1", err, calls, errRejected)
	}
}

func TestACallThatHangsEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := batch.Send(t.Context(), []string{"a"}, func(ctx context.Context, _ []string) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("%v after %v, want %v after 5s", err, took, context.DeadlineExceeded)
		}
	})
}

func TestNothingIsResentOnceTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := batch.Send(ctx, []string{"a"}, func(_ context.Context, entries []string) ([]string, error) {
		calls++
		cancel()
		return entries, errRejected
	})
	if err == nil || calls != 1 {
		t.Errorf("error %v after %d calls, want one after 1 call", err, calls)
	}
}
