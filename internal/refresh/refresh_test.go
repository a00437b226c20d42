package refresh_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const user, other = "1449752e-0d8a-40e0-9206-91ab099b2537", "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"

// upstream answers each refresh call with the next of its answers, and the last one for ever.
type upstream struct {
	mu       sync.Mutex
	answers  []func(ctx context.Context) (result.Answer, error)
	timeouts []float64
	keys     []string
	users    []string
	at       []time.Time
	resolve  func(ctx context.Context, clientUserID string) (string, error)
	resolves int
	list     func(ctx context.Context, offset, limit int) (result.Page, error)
	lists    int
}

func (u *upstream) Refresh(ctx context.Context, key sensitive.String, userID string, timeout float64) (result.Answer, error) {
	u.mu.Lock()
	answer := u.answers[min(len(u.timeouts), len(u.answers)-1)]
	u.timeouts, u.keys, u.users = append(u.timeouts, timeout), append(u.keys, key.Reveal()), append(u.users, userID)
	u.at = append(u.at, time.Now())
	u.mu.Unlock()
	return answer(ctx)
}

func (u *upstream) Check(key sensitive.String) error {
	if key.Reveal() == "for another environment" {
		return result.Fail(result.Misconfigured, "x")
	}
	return nil
}

func (u *upstream) Resolve(ctx context.Context, _ sensitive.String, clientUserID string) (string, error) {
	u.mu.Lock()
	u.resolves++
	u.mu.Unlock()
	return u.resolve(ctx, clientUserID)
}

func (u *upstream) List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error) {
	u.mu.Lock()
	u.lists++
	u.keys = append(u.keys, key.Reveal())
	u.mu.Unlock()
	return u.list(ctx, offset, limit)
}

// all gathers the results of r.All, in the order of the requests.
func all(t *testing.T, r *refresh.Refresher, requests []refresh.Request) []result.Result {
	t.Helper()
	results := make([]result.Result, len(requests))
	seen := make([]int, len(requests))
	r.All(t.Context(), requests, func(i int, out result.Result) {
		results[i] = out
		seen[i]++
	})
	for i, n := range seen {
		if n != 1 {
			t.Errorf("request %d has %d results", i, n)
		}
	}
	return results
}

func succeed(context.Context) (result.Answer, error) {
	return result.Answer{Status: 200, Refreshed: []string{"withings/body"}}, nil
}

func fail(f *result.Failure) func(context.Context) (result.Answer, error) {
	return func(context.Context) (result.Answer, error) { return result.Answer{}, f }
}

func hang(ctx context.Context) (result.Answer, error) {
	<-ctx.Done()
	return result.Answer{}, result.Fail(result.UpstreamTimeout, "Junction did not answer in time")
}

var (
	unavailable  = result.Fail(result.UpstreamUnavailable, "x")
	unauthorized = result.Fail(result.UpstreamUnauthorized, "x")
)

// keys gives one key, and another once it was renewed.
type keys struct {
	key, renewed string
	err, failed  error
	renewals     int
}

func (k *keys) Key(context.Context) (sensitive.String, error) { return sensitive.New(k.key), k.err }
func (k *keys) Renew(context.Context, sensitive.String) (sensitive.String, error) {
	k.renewals++
	return sensitive.New(k.renewed), k.failed
}

var options = refresh.Options{Headroom: 2 * time.Second}

// in returns a request with a Lambda deadline so far away, and a caller that waits so long.
func in(lambda, caller time.Duration, timeout float64) refresh.Request {
	now := time.Now()
	return refresh.Request{UserID: user, Timeout: timeout, RequestID: "r", Budget: refresh.NewBudget(now, now.Add(lambda), caller)}
}

func TestTheTimeoutSentIsClampedAndFitsTheTimeLeft(t *testing.T) {
	for name, c := range map[string]struct {
		lambda, caller  time.Duration
		requested, want float64
	}{
		"what is asked for":                         {90 * time.Second, 0, 30, 30},
		"a fraction":                                {90 * time.Second, 0, 7.25, 7.25},
		"5 s at least":                              {90 * time.Second, 0, 0.1, 5},
		"5 s for a negative one":                    {90 * time.Second, 0, -1, 5},
		"60 s at most":                              {90 * time.Second, 0, 90, 60},
		"60 s for the largest number":               {90 * time.Second, 0, math.MaxFloat64, 60},
		"28 s behind an HTTP API":                   {90 * time.Second, 30 * time.Second, 60, 28},
		"27 s behind a REST API":                    {90 * time.Second, 29 * time.Second, 60, 27},
		"12 s for a webhook":                        {90 * time.Second, 14 * time.Second, 60, 12},
		"60 s behind a function URL":                {90 * time.Second, 0, 60, 60},
		"what Lambda leaves":                        {20 * time.Second, 30 * time.Second, 60, 18},
		"5 s where exactly that is available":       {7 * time.Second, 0, 60, 5},
		"60 s where the deadline is past":           {-time.Second, 0, 60, 60},
		"28 s where the deadline is past, with API": {-time.Second, 30 * time.Second, 60, 28},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}
				got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(c.lambda, c.caller, c.requested))
				if !got.Success || u.timeouts[0] != c.want || got.TimeoutSeconds != c.want || got.RequestedTimeoutSeconds != c.requested {
					t.Errorf("sent %v, result %+v", u.timeouts, got)
				}
				if got.Attempts != 1 || got.RequestID != "r" || got.UserID != user || got.Status != result.Completed {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestWithLessThan5SecondsAvailableNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(6*time.Second, 0, 30))
		if got.ErrorCode != result.InsufficientTime || got.Attempts != 0 || got.TimeoutSeconds != 0 || len(u.timeouts) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestACallIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		lambda, caller time.Duration
		timeout        float64
		want           time.Duration
	}{
		"1.5 s after the timeout":               {90 * time.Second, 0, 10, 11500 * time.Millisecond},
		"1.5 s after it, behind a gateway too":  {90 * time.Second, 30 * time.Second, 60, 29500 * time.Millisecond},
		"0.5 s before the Lambda deadline":      {11 * time.Second, 0, 60, 10500 * time.Millisecond},
		"0.5 s before the webhook's sender":     {90 * time.Second, 14 * time.Second, 60, 13500 * time.Millisecond},
		"in time where the deadline is unknown": {-1, 0, 60, 61500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{answers: []func(context.Context) (result.Answer, error){hang}}
				began := time.Now()
				options := options
				options.Headroom = 0
				if c.lambda > 60*time.Second || c.lambda < 0 {
					options.Headroom = 2 * time.Second
				}
				got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(c.lambda, c.caller, c.timeout))
				if took := time.Since(began); took != c.want {
					t.Errorf("cut off after %v, want %v", took, c.want)
				}
				if got.ErrorCode != result.UpstreamTimeout || got.Attempts != 1 || got.DurationMS != c.want.Milliseconds() {
					t.Errorf("a refresh that timed out was called again: %+v", got)
				}
			})
		})
	}
}

func TestWhatIsRetriedAndWhatIsNot(t *testing.T) {
	for code, attempts := range map[result.Code]int{
		result.UpstreamUnavailable: 3, result.RateLimited: 3,
		result.UpstreamTimeout: 1, result.UpstreamInvalidResponse: 1, result.UserNotFound: 1, result.UpstreamRejected: 1,
		result.NoConnectedSources: 1, result.UpstreamInvalidRequest: 1,
	} {
		t.Run(string(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(result.Fail(code, "x"))}}
				got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
				if got.Attempts != attempts || len(u.timeouts) != attempts || got.ErrorCode != code {
					t.Errorf("%d attempts, want %d: %+v", got.Attempts, attempts, got)
				}
			})
		})
	}
}

func TestARetrySucceedsWithTheTimeThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowFailure := func(context.Context) (result.Answer, error) {
			time.Sleep(15 * time.Second)
			return result.Answer{}, unavailable
		}
		u := &upstream{answers: []func(context.Context) (result.Answer, error){slowFailure, succeed}}
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 30*time.Second, 60))
		if !got.Success || got.Attempts != 2 || u.timeouts[0] != 28 || u.timeouts[1] > 13 || u.timeouts[1] < 12.5 {
			t.Errorf("%v %+v", u.timeouts, got)
		}
	})
}

func TestARetryThatNoLongerFitsDoesNotHappenAndTheLastFailureStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowFailure := func(context.Context) (result.Answer, error) {
			time.Sleep(24 * time.Second)
			return result.Answer{}, unavailable
		}
		u := &upstream{answers: []func(context.Context) (result.Answer, error){slowFailure}}
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 30*time.Second, 60))
		if got.ErrorCode != result.UpstreamUnavailable || got.Attempts != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestRetryAfterIsHeededAndNeverWaitedForPastTheBudget(t *testing.T) {
	limited := &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 4 * time.Second}
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(limited), succeed}}
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if waited := u.at[1].Sub(u.at[0]); !got.Success || waited < 4*time.Second || waited > 4400*time.Millisecond {
			t.Errorf("waited %v: %+v", waited, got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		long := *limited
		long.RetryAfter = 20 * time.Minute
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(&long), succeed}}
		began := time.Now()
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.RateLimited || got.RetryAfterSeconds != 1200 || time.Since(began) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestPausesHaveFullJitterAndGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second []time.Duration
		for range 200 {
			u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unavailable)}}
			refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
			first, second = append(first, u.at[1].Sub(u.at[0])), append(second, u.at[2].Sub(u.at[1]))
		}
		for name, c := range map[string]struct {
			pauses []time.Duration
			most   time.Duration
		}{"first": {first, 400 * time.Millisecond}, "second": {second, 800 * time.Millisecond}} {
			low, high := 0, 0
			for _, p := range c.pauses {
				if p < 0 || p > c.most+time.Nanosecond {
					t.Errorf("the %s pause is %v", name, p)
				}
				if p < c.most/4 {
					low++
				} else if p > c.most*3/4 {
					high++
				}
			}
			if low < 20 || high < 20 {
				t.Errorf("the %s pauses are not spread: %d low, %d high of 200", name, low, high)
			}
		}
	})
}

func TestMaxAttemptsIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unavailable)}}
		got := refresh.New(u, &keys{key: "k"}, refresh.Options{MaxAttempts: 1}).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.Attempts != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestARotatedKeyCostsNoFailedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keys{key: "old", renewed: "new"}
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unauthorized), succeed}}
		got := refresh.New(u, k, refresh.Options{MaxAttempts: 1}).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if !got.Success || got.Attempts != 2 || strings.Join(u.keys, ",") != "old,new" || k.renewals != 1 {
			t.Errorf("keys %v: %+v", u.keys, got)
		}
	})
}

func TestAKeyThatStaysRefusedIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unauthorized)}}
		got := refresh.New(u, &keys{key: "old", renewed: "old"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.UpstreamUnauthorized || got.Attempts != 1 {
			t.Errorf("the same key: %+v", got)
		}
		u = &upstream{answers: []func(context.Context) (result.Answer, error){fail(unauthorized)}}
		k := &keys{key: "old", renewed: "new"}
		got = refresh.New(u, k, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.UpstreamUnauthorized || got.Attempts != 2 || k.renewals != 1 {
			t.Errorf("a new key refused too: %+v", got)
		}
	})
}

func TestAKeyForAnotherEnvironmentIsCaughtBeforeACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unauthorized)}}
		got := refresh.New(u, &keys{key: "for another environment"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.Misconfigured || got.Attempts != 0 || len(u.keys) != 0 {
			t.Errorf("%+v", got)
		}
		got = refresh.New(u, &keys{key: "old", renewed: "for another environment"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.Misconfigured || got.Attempts != 1 {
			t.Errorf("a renewed one: %+v", got)
		}
	})
}

func TestASecretThatCannotBeReadIsSaidSoAndNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(unauthorized)}}
		down := result.Fail(result.SecretUnavailable, "x")
		got := refresh.New(u, &keys{err: down}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.SecretUnavailable || got.Attempts != 0 || len(u.keys) != 0 {
			t.Errorf("%+v", got)
		}
		got = refresh.New(u, &keys{key: "old", failed: down}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.SecretUnavailable || got.Attempts != 1 {
			t.Errorf("after a refusal: %+v", got)
		}
	})
}

func TestAClientUserIDIsResolvedOnceAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}
		u.resolve = func(_ context.Context, id string) (string, error) { return user, nil }
		r := refresh.New(u, &keys{key: "k"}, options)
		request := in(90*time.Second, 0, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		for range 2 {
			if got := r.Refresh(t.Context(), request); !got.Success || got.UserID != user || got.Attempts != 1 {
				t.Errorf("%+v", got)
			}
		}
		if u.resolves != 1 {
			t.Errorf("resolved %d times", u.resolves)
		}
	})
}

func TestARememberedUserThatIsGoneIsResolvedAgain(t *testing.T) {
	gone := fail(result.Fail(result.UserNotFound, "x"))
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed, gone, succeed, gone}}
		now := user
		u.resolve = func(context.Context, string) (string, error) { return now, nil }
		r := refresh.New(u, &keys{key: "k"}, options)
		request := in(90*time.Second, 0, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		r.Refresh(t.Context(), request)
		now = other
		if got := r.Refresh(t.Context(), request); !got.Success || got.UserID != other || u.resolves != 2 {
			t.Errorf("%+v after %d look-ups", got, u.resolves)
		}
		if got := r.Refresh(t.Context(), request); got.ErrorCode != result.UserNotFound || u.resolves != 3 {
			t.Errorf("the same user again: %+v after %d look-ups", got, u.resolves)
		}
	})
}

func TestAResolveIsRetriedIsCutOffAndItsFailureIsTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}
		u.resolve = func(context.Context, string) (string, error) {
			if u.resolves == 1 {
				return "", unavailable
			}
			return user, nil
		}
		request := in(90*time.Second, 0, 10)
		request.UserID, request.ClientUserID = "", "app-user-42"
		if got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), request); !got.Success || u.resolves != 2 {
			t.Errorf("%+v", got)
		}
		u.resolve = func(ctx context.Context, _ string) (string, error) {
			_, err := hang(ctx)
			return "", err
		}
		began := time.Now()
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), request)
		if took := time.Since(began); got.ErrorCode != result.UpstreamTimeout || took < 15*time.Second || took > 17*time.Second || got.Attempts != 0 || got.UserID != "" {
			t.Errorf("after %v: %+v", time.Since(began), got)
		}
		u.resolve = func(context.Context, string) (string, error) { return "", result.Fail(result.UserNotFound, "x") }
		if got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), request); got.ErrorCode != result.UserNotFound {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}
		u.resolve = func(context.Context, string) (string, error) { return user, nil }
		r := refresh.New(u, &keys{key: "k"}, options)
		request := in(90*time.Second, 0, 10)
		request.UserID = ""
		const many = 10_050
		for round := range 2 {
			for i := range many {
				request.ClientUserID = strings.Repeat("x", i%100+1) + string(rune('a'+i/100%26)) + string(rune('a'+i/2600))
				r.Refresh(t.Context(), request)
			}
			if round == 1 && u.resolves <= many {
				t.Errorf("%d look-ups for %d users twice: nothing was forgotten", u.resolves, many)
			}
		}
	})
}

func TestAPanicIsAnInternalErrorWhoseCauseIsOnlyForTheLog(t *testing.T) {
	for _, cause := range []any{"a payload", errors.New("a payload")} {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){
			func(context.Context) (result.Answer, error) { panic(cause) },
		}}
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(t.Context(), in(90*time.Second, 0, 10))
		if got.ErrorCode != result.Internal || got.Error != "internal error" || got.Attempts != 1 || got.UserID != user {
			t.Errorf("%+v", got)
		}
		if said := got.Failure().Cause.Error(); strings.Contains(said, "a payload") || !strings.Contains(said, "refresh_test.go") {
			t.Errorf("logged %s", said)
		}
	}
	if said := result.Panic(catch()).Error(); !strings.Contains(said, "nil map") {
		t.Errorf("what the runtime says is lost: %s", said)
	}
}

func catch() (cause any) {
	defer func() { cause = recover() }()
	var m map[string]int
	m["x"]++
	return nil
}

func TestAllRefreshesAtMostMaxConcurrencyAtOnceAndGivesEachItsResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		u := &upstream{answers: []func(context.Context) (result.Answer, error){func(context.Context) (result.Answer, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return succeed(context.Background())
		}}}
		r := refresh.New(u, &keys{key: "k"}, refresh.Options{MaxConcurrency: 4})
		requests := make([]refresh.Request, 10)
		for i := range requests {
			requests[i] = in(90*time.Second, 0, 10)
			requests[i].UserID = strings.Repeat(string(rune('a'+i)), 3)
		}
		began := time.Now()
		results := all(t, r, requests)
		if most.Load() != 4 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, %v in all", most.Load(), time.Since(began))
		}
		for i, got := range results {
			if got.UserID != requests[i].UserID || !got.Success {
				t.Errorf("result %d is %+v", i, got)
			}
		}
		all(t, r, nil)
	})
}

func TestWhatCannotBeginInTimeIsInsufficientTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{answers: []func(context.Context) (result.Answer, error){func(context.Context) (result.Answer, error) {
			time.Sleep(5 * time.Second)
			return succeed(context.Background())
		}}}
		r := refresh.New(u, &keys{key: "k"}, refresh.Options{MaxConcurrency: 1})
		one := in(12*time.Second, 0, 5)
		results := all(t, r, []refresh.Request{one, one, one})
		if !results[0].Success || !results[1].Success || results[2].ErrorCode != result.InsufficientTime {
			t.Errorf("%+v", results)
		}
	})
}

func TestACancelledWaitEndsWithTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 30 * time.Second}
		u := &upstream{answers: []func(context.Context) (result.Answer, error){fail(limited)}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := refresh.New(u, &keys{key: "k"}, options).Refresh(ctx, in(90*time.Second, 0, 10))
		if got.ErrorCode != result.RateLimited || got.RetryAfterSeconds != 30 {
			t.Errorf("%+v", got)
		}
	})
}
