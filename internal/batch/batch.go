// Package batch sends entries with the batch calls of AWS services, which accept some entries of a call
// and reject others.
package batch

import (
	"context"
	"math/rand/v2"
	"time"
)

// MaxEntries is how many entries one call may have: SQS's limit for each of its batch calls, and
// EventBridge's for PutEvents.
const MaxEntries = 10

const (
	// maxTries is how often an entry is sent that the service rejects for a fault of its own.
	maxTries = 4
	// callTimeout bounds one call with the SDK's retries, each of which has a bound of its own. A service that
	// hangs must be noticed long before the invocation ends, so that its work can still be handed back.
	callTimeout = 5 * time.Second
	// firstPause is the mean of the pause before the second try; the pauses double.
	firstPause = 50 * time.Millisecond
)

// Send makes a call for entries, and repeats it for the entries to retry that the call returns, until there
// are none, maxTries is reached, or ctx ends. It returns the error of the last call. A call must return an
// error together with the entries to retry; an error without entries is final.
func Send[E any](ctx context.Context, entries []E, call func(context.Context, []E) (retry []E, err error)) error {
	for pause, try := firstPause, 1; ; pause, try = 2*pause, try+1 {
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		retry, err := call(callCtx, entries)
		cancel()
		if len(retry) == 0 || try == maxTries {
			return err
		}
		select {
		case <-time.After(rand.N(2 * pause)): //nolint:gosec // full jitter needs no cryptography
			entries = retry
		case <-ctx.Done():
			return err
		}
	}
}
