package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// firstPause is the mean of the first pause; the pauses double, and each is drawn from 0 to twice its
// mean (full jitter).
const firstPause = 200 * time.Millisecond

// retry makes a call until it succeeds, cannot succeed, has been tried MaxAttempts times, or another
// try no longer fits the budget; the error is then the last call's own. A call that Junction refuses
// for its key is made once more with a newer key, beside MaxAttempts.
func retry[T any](ctx context.Context, j *job, call func(context.Context) (T, error), worth func(error) bool) (T, error) {
	var last error
	pause := &pacing{job: j, exponential: backoff.ExponentialBackOff{
		InitialInterval: firstPause, RandomizationFactor: 1, Multiplier: 2, MaxInterval: 10 * firstPause,
	}}
	try := func() (T, error) {
		value, err := call(ctx)
		if isCode(err, result.UpstreamUnauthorized) {
			renewed, failed := j.renewKey(ctx)
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
		} else if err != nil && (notCalled || !worth(err)) {
			err = backoff.Permanent(err)
		}
		last, pause.last = err, err
		return value, err
	}
	value, err := backoff.Retry(ctx, try, backoff.WithBackOff(pause),
		backoff.WithMaxTries(uint(j.options.MaxAttempts)), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil && last != nil {
		err = result.AsFailure(last) // and not the context's own error
	}
	return value, err
}

// worthAnotherRefresh says whether the same refresh may succeed in this invocation. One that timed out
// or came back malformed may have been counted by Junction, and is left to a later invocation.
func worthAnotherRefresh(err error) bool {
	return isCode(err, result.RateLimited) || isCode(err, result.UpstreamUnavailable)
}

// worthAnotherLookUp says the same of a look-up, which costs a user nothing.
func worthAnotherLookUp(err error) bool {
	return worthAnotherRefresh(err) || isCode(err, result.UpstreamTimeout) || isCode(err, result.UpstreamInvalidResponse)
}

// pacing is a backoff.BackOff that heeds Retry-After and stops where the next call would have less
// than Junction's least timeout.
type pacing struct {
	job         *job
	exponential backoff.ExponentialBackOff
	last        error
}

func (p *pacing) Reset() { p.exponential.Reset() }

func (p *pacing) NextBackOff() time.Duration {
	pause := p.exponential.NextBackOff() + result.AsFailure(p.last).RetryAfter
	if p.job.available()-pause.Seconds() < MinTimeout {
		return backoff.Stop
	}
	return pause
}
