package refresh

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// resolveTimeout is how long one look-up of a user may take.
const resolveTimeout = 5 * time.Second

// job is one refresh under way.
type job struct {
	*Refresher
	Request

	began    time.Time
	userID   string           // Junction's, once it is known
	key      sensitive.String // the team key in use
	renewed  bool             // the key was read again: once a refresh
	lease    Lease            // nil where there is no gate, or none that could be asked
	granted  time.Time        // until when the lease's first call may take; zero once it is made
	calls    []bool           // of the lease, oldest first: whether they can have reached Junction
	degraded error            // why the gate could not be asked
	attempts int              // refresh calls made
	sent     float64          // the timeout of the last of them, seconds
}

// run makes the refresh, resolving the user first where it must.
func (j *job) run(ctx context.Context) (result.Result, error) {
	if _, enough := effective(j.Timeout, j.available()); !enough {
		return result.Result{}, errInsufficientTime
	}
	// Whatever is asked on the way, the answer comes before anybody gives up.
	ctx, cancel := context.WithDeadline(ctx, j.Budget.End().Add(-margin))
	defer cancel()
	if err := j.readKey(ctx); err != nil {
		return result.Result{}, err
	}
	if j.userID != "" {
		return j.pass(ctx)
	}
	remembered, err := j.resolve(ctx)
	if err != nil {
		return result.Result{}, err
	}
	out, err := j.pass(ctx)
	if remembered && isCode(err, result.UserNotFound) {
		// The user that was remembered is gone; the app may have made it anew under the same ID.
		gone := j.userID
		j.resolved.forget(j.ClientUserID)
		if _, err := j.resolve(ctx); err != nil {
			return result.Result{}, err
		}
		if j.userID != gone {
			return j.pass(ctx)
		}
	}
	return out, err
}

// readKey gets the team key, and makes sure that it can be used.
func (j *job) readKey(ctx context.Context) (err error) {
	if j.key, err = j.keys.Key(ctx); err != nil {
		return err
	}
	return j.upstream.Check(j.key)
}

// pass refreshes the user as the gate lets it.
func (j *job) pass(ctx context.Context) (result.Result, error) {
	j.calls = nil
	if j.options.Gate != nil {
		timeout, enough := effective(j.Timeout, j.available())
		if !enough {
			return result.Result{}, errInsufficientTime
		}
		until := j.until(timeout)
		decision, err := j.options.Gate.Enter(ctx, j.userID, until)
		switch {
		case err != nil:
			j.degraded = err // Junction keeps its own limit
		case decision.Coalesced != nil:
			out := *decision.Coalesced
			out.Coalesced = true
			return out, nil
		case decision.InFlight:
			return j.stamp(result.FromInFlight(j.userID)), nil
		case decision.Lease == nil:
			f := *errQuotaUsedUp
			f.RetryAfter = decision.RetryAfter
			return result.Result{}, &f
		}
		j.lease, j.granted, j.calls = decision.Lease, until, []bool{false}
	}
	answer, err := retry(ctx, j, j.refresh, worthAnotherRefresh)
	out := j.stamp(result.From(j.userID, answer))
	if err != nil {
		out = j.failed(err)
	}
	if j.lease != nil {
		if lost := j.lease.Done(ctx, out, j.unsent()); lost != nil {
			j.degraded, out.Degraded = lost, lost
		}
		j.lease = nil
	}
	return out, err
}

// unsent returns which of the lease's calls never left, counted from the newest.
func (j *job) unsent() (places []int) {
	for i, reached := range slices.Backward(j.calls) {
		if !reached {
			places = append(places, len(j.calls)-1-i)
		}
	}
	return places
}

// stamp completes a result of this job's own.
func (j *job) stamp(out result.Result) result.Result {
	out.TimeoutSeconds, out.RequestedTimeoutSeconds = j.sent, j.Timeout
	out.Attempts = j.attempts
	out.RequestID = j.RequestID
	out.DurationMS = time.Since(j.began).Milliseconds()
	out.Degraded = j.degraded
	return out
}

func (j *job) failed(err error) result.Result {
	return j.stamp(result.FromFailure(j.userID, result.AsFailure(err)))
}

// until is when a call that begins now with a timeout in seconds is cut off.
func (j *job) until(timeout float64) time.Time {
	return j.Budget.Cutoff(time.Now(), time.Duration(timeout*float64(time.Second))+grace)
}

// lookUp makes a call that costs no user anything, with what retries are worth it.
func lookUp[T any](ctx context.Context, j *job, timeout time.Duration, call func(context.Context) (T, error)) (T, error) {
	return retry(ctx, j, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithDeadline(ctx, j.Budget.Cutoff(time.Now(), timeout))
		defer cancel()
		return call(ctx)
	}, worthAnotherLookUp)
}

// resolve finds the Junction user of ClientUserID, from memory where it can.
func (j *job) resolve(ctx context.Context) (remembered bool, err error) {
	if id, ok := j.resolved.get(j.ClientUserID); ok {
		j.userID = id
		return true, nil
	}
	id, err := lookUp(ctx, j, resolveTimeout, func(ctx context.Context) (string, error) {
		return j.upstream.Resolve(ctx, j.key, j.ClientUserID)
	})
	if err != nil {
		return false, err
	}
	j.userID = id
	j.resolved.put(j.ClientUserID, id)
	return false, nil
}

// refresh makes one refresh call with the time that is left.
func (j *job) refresh(ctx context.Context) (result.Answer, error) {
	timeout, enough := effective(j.Timeout, j.available())
	if !enough {
		return result.Answer{}, errInsufficientTime
	}
	until := j.until(timeout)
	switch {
	case !j.granted.IsZero(): // the lease must not end before its call
		until, j.granted = j.granted, time.Time{}
	case j.lease != nil:
		granted, err := j.lease.Again(ctx, until)
		if err != nil {
			j.degraded = err
		} else if !granted {
			return result.Answer{}, errQuotaUsedUp
		}
		j.calls = append(j.calls, false)
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	j.attempts++
	j.sent = timeout
	answer, err := j.upstream.Refresh(ctx, j.key, j.userID, timeout)
	if n := len(j.calls); n > 0 {
		var f *result.Failure
		j.calls[n-1] = !errors.As(err, &f) || !f.NotSent
	}
	return answer, err
}

// renewKey replaces a key that Junction refused, once a refresh. It says whether there is another.
func (j *job) renewKey(ctx context.Context) (bool, error) {
	if j.renewed {
		return false, nil
	}
	j.renewed = true
	key, err := j.keys.Renew(ctx, j.key)
	if err != nil || key.Equal(j.key) {
		return false, err
	}
	if err := j.upstream.Check(key); err != nil {
		return false, err
	}
	j.key = key
	return true, nil
}

func (j *job) available() float64 { return j.Budget.Available(time.Now(), j.options.Headroom) }

var errInsufficientTime = result.Fail(result.InsufficientTime,
	"too little time is left in this invocation for a refresh, which takes 5 s at least")

// errQuotaUsedUp is our own quota's refusal; Junction was not asked.
var errQuotaUsedUp = result.Fail(result.RateLimited, "the user was refreshed as often as the quota allows")

func isCode(err error, code result.Code) bool {
	var f *result.Failure
	return errors.As(err, &f) && f.Code == code
}
