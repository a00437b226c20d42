package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// firstPause is the mean of the first pause between two calls. The pauses double, and each is drawn from 0
// to twice its mean (full jitter).
const firstPause = 200 * time.Millisecond

// session is the team key for one piece of work, and the retries of the calls made with it.
type session struct {
	*Refresher
	budget  Budget
	key     sensitive.String
	renewed bool // the key was read again: at most once per session
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
	}, worthAnotherLookUp)
}

// retry makes a call until it succeeds, cannot succeed, has been made MaxAttempts times, or another try no
// longer fits the budget; the error is then the last call's own. A call that Junction refuses because of
// its key is made once more with a newer key, in addition to MaxAttempts.
func retry[T any](ctx context.Context, s *session, call func(context.Context) (T, error), worthAnother func(error) bool) (T, error) {
	var last error
	pause := &pacing{session: s, exponential: backoff.ExponentialBackOff{
		InitialInterval: firstPause, RandomizationFactor: 1, Multiplier: 2, MaxInterval: 10 * firstPause,
	}}
	try := func() (T, error) {
		value, err := call(ctx)
		if isCode(err, result.UpstreamUnauthorized) {
			renewed, failed := s.renew(ctx)
			switch {
			case failed != nil:
				err = failed
			case renewed:
				value, err = call(ctx)
			}
		}
		notCalled := errors.Is(err, errInsufficientTime) || errors.Is(err, errQuotaUsedUp)
		if notCalled && last != nil {
			err = backoff.Permanent(last)
		} else if err != nil && (notCalled || !worthAnother(err)) {
			err = backoff.Permanent(err)
		}
		last, pause.last = err, err
		return value, err
	}
	value, err := backoff.Retry(ctx, try, backoff.WithBackOff(pause),
		backoff.WithMaxTries(uint(s.options.MaxAttempts)), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil && last != nil {
		err = result.AsFailure(last) // and not the context's own error
	}
	return value, err
}

// worthAnotherRefresh reports whether the same refresh may succeed in this invocation. Junction may have
// counted one that timed out or came back malformed, so that one is left to a later invocation.
func worthAnotherRefresh(err error) bool {
	return isCode(err, result.RateLimited) || isCode(err, result.UpstreamUnavailable)
}

// worthAnotherLookUp reports the same for a look-up, which costs a user nothing.
func worthAnotherLookUp(err error) bool {
	return worthAnotherRefresh(err) || isCode(err, result.UpstreamTimeout) || isCode(err, result.UpstreamInvalidResponse)
}

// pacing is a backoff.BackOff that honours Retry-After, and stops if the next call would have less than
// Junction's shortest timeout.
type pacing struct {
	session     *session
	exponential backoff.ExponentialBackOff
	last        error
}

func (p *pacing) Reset() { p.exponential.Reset() }

func (p *pacing) NextBackOff() time.Duration {
	pause := p.exponential.NextBackOff() + result.AsFailure(p.last).RetryAfter
	if p.session.available()-pause.Seconds() < MinTimeout {
		return backoff.Stop
	}
	return pause
}

func isCode(err error, code result.Code) bool {
	var f *result.Failure
	return errors.As(err, &f) && f.Code == code
}
