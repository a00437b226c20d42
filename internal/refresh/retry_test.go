package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestOnlyFailuresThatMayPassSoonAreRetried(t *testing.T) {
	for code, attempts := range map[result.Code]int{
		result.UpstreamUnavailable: 3, result.RateLimited: 3,
		result.UpstreamTimeout: 1, result.UpstreamInvalidResponse: 1, result.UserNotFound: 1, result.UpstreamRejected: 1,
		result.NoConnectedSources: 1, result.UpstreamInvalidRequest: 1,
	} {
		t.Run(string(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(fail(result.Fail(code, "x")))
				got := refresh.New(u, goodKey(), options).Refresh(t.Context(), usual())
				wantFailure(t, got, code, attempts)
				u.wantCalls(t, attempts)
			})
		})
	}
}

func TestMaxAttemptsBoundsTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(fail(unavailable))
		got := refresh.New(u, goodKey(), refresh.Options{MaxAttempts: 1}).Refresh(t.Context(), usual())
		wantFailure(t, got, result.UpstreamUnavailable, 1)
		u.wantCalls(t, 1)
	})
}

func TestARetryHasTheTimeThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(failAfter(15*time.Second), succeed)
		got := refresh.New(u, goodKey(), options).Refresh(t.Context(), request(90*time.Second, 30*time.Second, 60))
		wantSuccess(t, got, 2)
		u.wantCalls(t, 2)
		if u.timeouts[0] != 28 {
			t.Errorf("the first timeout is %v s, want 28", u.timeouts[0])
		}
		if u.timeouts[1] > 13 || u.timeouts[1] < 12.5 { // a pause of up to 0.4 s before it
			t.Errorf("the second timeout is %v s, want 12.5 to 13", u.timeouts[1])
		}
	})
}

func TestIfNoRetryFitsTheLastFailureStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(failAfter(24 * time.Second))
		got := refresh.New(u, goodKey(), options).Refresh(t.Context(), request(90*time.Second, 30*time.Second, 60))
		wantFailure(t, got, result.UpstreamUnavailable, 1)
	})
}

func TestRetryAfterIsWaitedForIfItFits(t *testing.T) {
	limited := func(wait time.Duration) reply {
		return fail(&result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: wait})
	}
	t.Run("4 s", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := newUpstream(limited(4*time.Second), succeed)
			got := refresh.New(u, goodKey(), options).Refresh(t.Context(), usual())
			wantSuccess(t, got, 2)
			if waited := u.at[1].Sub(u.at[0]); waited < 4*time.Second || waited > 4400*time.Millisecond {
				t.Errorf("the retry waited %v, want 4 to 4.4 s", waited)
			}
		})
	})
	t.Run("20 minutes, which do not fit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			got := refresh.New(newUpstream(limited(20*time.Minute), succeed), goodKey(), options).Refresh(t.Context(), usual())
			wantFailure(t, got, result.RateLimited, 1)
			if got.RetryAfterSeconds != 1200 {
				t.Errorf("retry_after_seconds is %d, want 1200", got.RetryAfterSeconds)
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("it waited %v, want no wait", took)
			}
		})
	})
}

func TestPausesGrowAndHaveFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second []time.Duration
		for range 200 {
			u := newUpstream(fail(unavailable))
			refresh.New(u, goodKey(), options).Refresh(t.Context(), usual())
			first, second = append(first, u.at[1].Sub(u.at[0])), append(second, u.at[2].Sub(u.at[1]))
		}
		for name, c := range map[string]struct {
			pauses []time.Duration
			most   time.Duration
		}{"first": {first, 400 * time.Millisecond}, "second": {second, 800 * time.Millisecond}} {
			short, long := 0, 0
			for _, p := range c.pauses {
				if p < 0 || p > c.most+time.Nanosecond {
					t.Errorf("the %s pause is %v, want at most %v", name, p, c.most)
				}
				if p < c.most/4 {
					short++
				} else if p > c.most*3/4 {
					long++
				}
			}
			if short < 20 || long < 20 {
				t.Errorf("of 200 %s pauses %d are short and %d long, want at least 20 of each", name, short, long)
			}
		}
	})
}

func TestAPauseThatIsCancelledEndsWithTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 30 * time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := refresh.New(newUpstream(fail(limited)), goodKey(), options).Refresh(ctx, usual())
		wantFailure(t, got, result.RateLimited, 1)
		if got.RetryAfterSeconds != 30 {
			t.Errorf("retry_after_seconds is %d, want 30", got.RetryAfterSeconds)
		}
	})
}
