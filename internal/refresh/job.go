package refresh

import (
	"context"
	"errors"
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

	userID   string           // Junction's, once it is known
	key      sensitive.String // the team key in use
	renewed  bool             // the key was read again: once a refresh
	attempts int              // refresh calls made
	sent     float64          // the timeout of the last of them, seconds
}

// run makes the refresh, resolving the user first where it must.
func (j *job) run(ctx context.Context) (result.Answer, error) {
	if _, enough := effective(j.Timeout, j.available()); !enough {
		return result.Answer{}, errInsufficientTime
	}
	var err error
	if j.key, err = j.keys.Key(ctx); err != nil {
		return result.Answer{}, err
	}
	if j.userID != "" {
		return retry(ctx, j, j.refresh)
	}
	remembered, err := j.resolve(ctx)
	if err != nil {
		return result.Answer{}, err
	}
	answer, err := retry(ctx, j, j.refresh)
	if remembered && isCode(err, result.UserNotFound) {
		// The user that was remembered is gone; the app may have made it anew under the same ID.
		gone := j.userID
		j.resolved.forget(j.ClientUserID)
		if _, err := j.resolve(ctx); err != nil {
			return result.Answer{}, err
		}
		if j.userID != gone {
			return retry(ctx, j, j.refresh)
		}
	}
	return answer, err
}

// resolve finds the Junction user of ClientUserID, from memory where it can.
func (j *job) resolve(ctx context.Context) (remembered bool, err error) {
	if id, ok := j.resolved.get(j.ClientUserID); ok {
		j.userID = id
		return true, nil
	}
	id, err := retry(ctx, j, func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithDeadline(ctx, j.Budget.Cutoff(time.Now(), resolveTimeout))
		defer cancel()
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
	wait := time.Duration(timeout*float64(time.Second)) + grace
	ctx, cancel := context.WithDeadline(ctx, j.Budget.Cutoff(time.Now(), wait))
	defer cancel()
	j.attempts++
	j.sent = timeout
	return j.upstream.Refresh(ctx, j.key, j.userID, timeout)
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
	j.key = key
	return true, nil
}

func (j *job) available() float64 { return j.Budget.Available(time.Now(), j.options.Headroom) }

var errInsufficientTime = result.Fail(result.InsufficientTime,
	"too little time is left in this invocation for a refresh, which takes 5 s at least")

func isCode(err error, code result.Code) bool {
	var f *result.Failure
	return errors.As(err, &f) && f.Code == code
}
