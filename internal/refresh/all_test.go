package refresh_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// refreshAll returns the results of All in the order of the requests, and checks that each request has one.
func refreshAll(t *testing.T, r *refresh.Refresher, requests []refresh.Request) []result.Result {
	t.Helper()
	results := make([]result.Result, len(requests))
	counts := make([]int, len(requests))
	r.All(t.Context(), requests, func(i int, out result.Result) {
		results[i] = out
		counts[i]++
	})
	for i, n := range counts {
		if n != 1 {
			t.Errorf("request %d has %d results, want 1", i, n)
		}
	}
	return results
}

// succeedAfter succeeds after some time.
func succeedAfter(d time.Duration) reply {
	return func(ctx context.Context) (result.Answer, error) {
		time.Sleep(d)
		return succeed(ctx)
	}
}

func TestAtMostMaxConcurrencyRefreshesAreMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		u := newUpstream(func(ctx context.Context) (result.Answer, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			defer func() {
				mu.Lock()
				now--
				mu.Unlock()
			}()
			return succeedAfter(time.Second)(ctx)
		})
		began := time.Now()
		refreshAll(t, refresh.New(u, goodKey(), refresh.Options{MaxConcurrency: 4}), []refresh.Request{
			usual(), usual(), usual(), usual(), usual(), usual(), usual(), usual(), usual(), usual(),
		})
		if most != 4 {
			t.Errorf("%d refreshes at once, want 4", most)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("10 refreshes of 1 s took %v, want 3 s", took)
		}
	})
}

func TestEachRequestHasItsOwnResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := refresh.New(newUpstream(succeed), goodKey(), refresh.Options{MaxConcurrency: 4})
		requests := make([]refresh.Request, 10)
		for i := range requests {
			requests[i] = usual()
			requests[i].UserID = strings.Repeat(string(rune('a'+i)), 3)
		}
		for i, got := range refreshAll(t, r, requests) {
			wantSuccess(t, got, 1)
			if got.UserID != requests[i].UserID {
				t.Errorf("result %d is of the user %s, want %s", i, got.UserID, requests[i].UserID)
			}
		}
		refreshAll(t, r, nil) // returns
	})
}

func TestEachResultIsHandedOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(succeedAfter(time.Second), succeedAfter(2*time.Second))
		r := refresh.New(u, goodKey(), refresh.Options{MaxConcurrency: 1})
		began := time.Now()
		var after []time.Duration
		r.All(t.Context(), []refresh.Request{usual(), usual()}, func(int, result.Result) { after = append(after, time.Since(began)) })
		if diff := cmp.Diff([]time.Duration{time.Second, 3 * time.Second}, after); diff != "" {
			t.Errorf("results are handed over at other times (-want +got):\n%s", diff)
		}
	})
}

func TestARefreshThatCannotBeginInTimeIsInsufficientTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := refresh.New(newUpstream(succeedAfter(5*time.Second)), goodKey(), refresh.Options{MaxConcurrency: 1})
		one := request(12*time.Second, 0, 5)
		var codes []result.Code
		for _, out := range refreshAll(t, r, []refresh.Request{one, one, one}) {
			codes = append(codes, out.ErrorCode)
		}
		if diff := cmp.Diff([]result.Code{"", "", result.InsufficientTime}, codes); diff != "" {
			t.Errorf("the codes are others (-want +got):\n%s", diff)
		}
	})
}
