package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// resolveTimeout is how long one look-up of a user may take.
const resolveTimeout = 5 * time.Second

// job is one refresh in progress: resolve the user, enter the gate, call Junction, leave the gate.
type job struct {
	*session
	request  Request
	began    time.Time
	user     string // Junction's ID, once it is known
	permit   permit
	attempts int             // refresh calls made
	latency  []time.Duration // of the calls that reached Junction
	timeout  float64         // of the last call, in seconds
}

func (j *job) run(ctx context.Context) (result.Result, error) {
	if _, enough := effective(j.request.Timeout, j.available()); !enough {
		return result.Result{}, errInsufficientTime
	}
	// Whatever is looked up on the way, the answer comes before the caller times out.
	ctx, cancel := context.WithDeadline(ctx, j.budget.End().Add(-margin))
	defer cancel()
	if err := j.session.open(ctx); err != nil {
		return result.Result{}, err
	}
	if j.user != "" {
		return j.refresh(ctx)
	}
	remembered, err := j.resolve(ctx)
	if err != nil {
		return result.Result{}, err
	}
	out, err := j.refresh(ctx)
	if remembered && isCode(err, result.UserNotFound) {
		// The remembered user is gone; the app may have created it again under the same ID.
		gone := j.user
		j.resolved.Remove(j.request.ClientUserID)
		if _, err := j.resolve(ctx); err != nil {
			return result.Result{}, err
		}
		if j.user != gone {
			return j.refresh(ctx)
		}
	}
	return out, err
}

// resolve finds the Junction user of ClientUserID. It reports whether it knew the user from memory.
func (j *job) resolve(ctx context.Context) (remembered bool, err error) {
	if known, ok := j.resolved.Get(j.request.ClientUserID); ok && time.Now().Round(0).Before(known.until) {
		j.user = known.id
		return true, nil
	}
	id, err := lookUp(ctx, j.session, resolveTimeout, func(ctx context.Context) (string, error) {
		return j.upstream.Resolve(ctx, j.key, j.request.ClientUserID)
	})
	if err != nil {
		return false, err
	}
	j.user = id
	j.resolved.Add(j.request.ClientUserID, resolvedUser{id, time.Now().Round(0).Add(resolvedFor)})
	return false, nil
}

// refresh refreshes the user if the gate allows it.
func (j *job) refresh(ctx context.Context) (result.Result, error) {
	timeout, enough := effective(j.request.Timeout, j.available())
	if !enough {
		return result.Result{}, errInsufficientTime
	}
	d, err := j.permit.enter(ctx, Entry{UserID: j.user, Until: j.cutoff(timeout), MaxAge: j.request.MaxAge, CanWait: j.request.CanWait})
	switch {
	case err != nil:
		return result.Result{}, err
	case d.Kind == Coalesced:
		return j.coalesced(d), nil
	case d.Kind == InFlight && !j.request.CanWait:
		return j.complete(result.FromInFlight(j.user)), nil
	case d.Kind == InFlight:
		return result.Result{}, retryLater(errInFlight, d.RetryAfter)
	case d.Kind == Denied:
		return result.Result{}, retryLater(errQuotaUsedUp, d.RetryAfter)
	}
	answer, err := retry(ctx, j.session, j.call, worthAnotherRefresh...)
	out := result.From(j.user, answer)
	if err != nil {
		out = result.FromFailure(j.user, result.AsFailure(err))
	}
	out = j.complete(out)
	out.StartedAt = j.began
	j.explain(ctx, &out)
	j.permit.close(ctx, out)
	out.Degraded = j.permit.unreachable
	return out, err
}

// coalesced returns the stored result that answers this refresh. If it is from an earlier try of the same
// request, of which nobody knows whether its follow-up was queued, it is followed up again.
func (j *job) coalesced(d Decision) result.Result {
	out := d.Result
	out.Coalesced = true
	out.AgeSeconds = new(int(d.Age / time.Second))
	if out.RequestID == j.request.RequestID {
		out.StartedAt = out.CompletedAt.Add(-time.Duration(out.DurationMS) * time.Millisecond)
	}
	return out
}

// retryLater returns a failure with the time after which a retry can succeed.
func retryLater(f *result.Failure, after time.Duration) *result.Failure {
	later := *f
	later.RetryAfter = after
	return &later
}

// call makes one refresh call with the time that is left.
func (j *job) call(ctx context.Context) (result.Answer, error) {
	timeout, enough := effective(j.request.Timeout, j.available())
	if !enough {
		return result.Answer{}, errInsufficientTime
	}
	until, err := j.permit.beforeCall(ctx, j.cutoff(timeout))
	if err != nil {
		return result.Answer{}, err
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	j.attempts++
	j.timeout = timeout
	began := time.Now()
	answer, err := j.upstream.Refresh(ctx, j.key, j.user, timeout)
	f, failed := errors.AsType[*result.Failure](err)
	sent := !failed || !f.NotSent
	if sent {
		j.latency = append(j.latency, time.Since(began))
	}
	j.permit.afterCall(sent)
	return answer, err
}

// cutoff is when a call that begins now, with a timeout in seconds, must end.
func (j *job) cutoff(timeout float64) time.Time {
	return j.budget.Cutoff(time.Now(), time.Duration(timeout*float64(time.Second))+grace)
}

func (j *job) complete(out result.Result) result.Result {
	out.TimeoutSeconds, out.RequestedTimeoutSeconds = j.timeout, j.request.Timeout
	out.Attempts, out.UpstreamLatency = j.attempts, j.latency
	out.RequestID = j.request.RequestID
	out.DurationMS = time.Since(j.began).Milliseconds()
	out.Degraded = j.permit.unreachable
	return out
}

var errInsufficientTime = result.Fail(result.InsufficientTime,
	"too little time is left in this invocation for a refresh, which takes at least 5 s")
