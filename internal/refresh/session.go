package refresh

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// firstPause and maxPause are the means of the first and of the longest pause between two calls. The pauses
// double, and each is drawn from 0 to twice its mean (full jitter).
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 2 * time.Second
)

// session is the team key for one piece of work, and the retries of the calls made with it.
type session struct {
	*Refresher
	budget      Budget
	maxAttempts int
	key         sensitive.String
	renewed     bool // the key was read again: at most once per session
}

func (r *Refresher) newSession(budget Budget) *session {
	return &session{Refresher: r, budget: budget, maxAttempts: r.options.MaxAttempts}
}

// open reads the key, and makes sure that it can be used.
func (s *session) open(ctx context.Context) (err error) {
	if s.key, err = s.keys.Key(ctx); err != nil {
		return err
	}
	return s.upstream.Check(s.key)
}

// available returns the seconds that are left for Junction.
func (s *session) available() float64 { return s.budget.Available(time.Now(), s.options.Headroom) }

// renew replaces a key that Junction refused, once per session. It reports whether there is another.
func (s *session) renew(ctx context.Context) (bool, error) {
	if s.renewed {
		return false, nil
	}
	s.renewed = true
	key, err := s.keys.Renew(ctx, s.key)
	if err != nil || key.Equal(s.key) {
		return false, err
	}
	if err := s.upstream.Check(key); err != nil {
		return false, err
	}
	s.key = key
	return true, nil
}

// lookUp makes a call that costs no user anything, and retries it if that can help.
func lookUp[T any](ctx context.Context, s *session, timeout time.Duration, call func(context.Context) (T, error)) (T, error) {
	return retry(ctx, s, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithDeadline(ctx, s.budget.Cutoff(time.Now(), timeout))
		defer cancel()
		return call(ctx)
	}, worthAnotherLookUp...)
}

// retry makes a call until it succeeds, cannot succeed, has been made maxAttempts times, or another try no
// longer fits the budget. The error is that of the last call that reached Junction.
func retry[T any](
	ctx context.Context, s *session, call func(context.Context) (T, error), worthAnother ...result.Code,
) (value T, err error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		next, nextErr := callWithFreshKey(ctx, s, call)
		if notCalled(nextErr) && attempt > 1 {
			return value, err
		}
		value, err = next, nextErr
		if err == nil || notCalled(err) || !isCode(err, worthAnother...) || attempt == s.maxAttempts {
			return value, err
		}
		wait := rand.N(2*pause) + result.AsFailure(err).RetryAfter //nolint:gosec // full jitter needs no cryptography
		if s.available()-wait.Seconds() < MinTimeout {
			return value, err
		}
		select {
		case <-time.After(wait):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
			return value, err
		}
	}
}

// callWithFreshKey makes a call. If Junction refuses it because of the key, it is made once more with a newer
// key, in addition to maxAttempts. If the quota has no call left for that, Junction's refusal stands. If there is
// another reason not to make it, that is the error: the refusal of the old key says nothing about the new one.
func callWithFreshKey[T any](ctx context.Context, s *session, call func(context.Context) (T, error)) (T, error) {
	value, err := call(ctx)
	if !isCode(err, result.UpstreamUnauthorized) {
		return value, err
	}
	switch renewed, failed := s.renew(ctx); {
	case failed != nil:
		return value, failed
	case renewed:
		if again, againErr := call(ctx); !errors.Is(againErr, errQuotaUsedUp) {
			return again, againErr
		}
	}
	return value, err
}

// notCalled reports whether a call was not made, for lack of time or of quota.
func notCalled(err error) bool {
	return errors.Is(err, errInsufficientTime) || errors.Is(err, errQuotaUsedUp) || isCode(err, result.QuotaUnavailable)
}

var (
	// After one of these failures the same refresh may succeed in this invocation. Junction may have counted one that
	// timed out or came back malformed, so that one is left to a later invocation.
	worthAnotherRefresh = []result.Code{result.RateLimited, result.UpstreamUnavailable}
	// A look-up costs a user nothing.
	worthAnotherLookUp = []result.Code{
		result.RateLimited, result.UpstreamUnavailable, result.UpstreamTimeout, result.UpstreamInvalidResponse,
	}
)

// isCode reports whether an error is a failure with one of the codes.
func isCode(err error, codes ...result.Code) bool {
	f, ok := errors.AsType[*result.Failure](err)
	return ok && slices.Contains(codes, f.Code)
}
