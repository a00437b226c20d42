// Package refresh is the job itself: clamp the timeout, resolve the user, call Junction as often as
// time and sense allow, normalize what came of it. It knows neither Lambda nor HTTP; what it needs it
// asks of the interfaces below.
package refresh

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Upstream is Junction. Its errors are *result.Failure.
type Upstream interface {
	// Check says whether a key can be used at all, without a call.
	Check(key sensitive.String) error
	// Refresh makes one call and waits for its answer until ctx ends. timeout is in seconds.
	Refresh(ctx context.Context, key sensitive.String, userID string, timeout float64) (result.Answer, error)
	// Resolve returns the Junction user with an app's own ID.
	Resolve(ctx context.Context, key sensitive.String, clientUserID string) (userID string, err error)
	// List returns a page of the team's users. limit is 500 at most.
	List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error)
}

// Keys is where the team key comes from. Its errors are *result.Failure.
type Keys interface {
	Key(ctx context.Context) (sensitive.String, error)
	// Renew returns the key that replaces one that Junction refused; the same one where there is no other.
	Renew(ctx context.Context, refused sensitive.String) (sensitive.String, error)
}

// Gate decides who may be refreshed now, for all that share it.
type Gate interface {
	// Enter asks for a refresh of a user whose first call ends by until at the latest. An error says
	// that the gate cannot be asked: the refresh goes on without it.
	Enter(ctx context.Context, userID string, until time.Time) (Decision, error)
}

// Decision is what a Gate says: one of a lease, a result, one that is coming, or a time to wait.
type Decision struct {
	Lease      Lease          // the refresh is granted; Done must be called
	Coalesced  *result.Result // the user was refreshed just now, with this result
	InFlight   bool           // somebody else is refreshing the user
	RetryAfter time.Duration  // the quota is used up for so long; over 0 where nothing else is set
}

// Lease is a refresh that was granted. It ends by itself at the end of the last call it was asked for.
type Lease interface {
	// Again asks for one more call, which ends by until. It is false where the quota has run out. An
	// error says that the gate cannot be asked: the call is made without it.
	Again(ctx context.Context, until time.Time) (bool, error)
	// Done ends the lease and tells what came of the refresh. unsent are those of its calls, counted from
	// the newest, that never left: they are given back.
	Done(ctx context.Context, out result.Result, unsent []int) error
}

// Request asks for one user's refresh.
type Request struct {
	UserID       string  // a UUID in lower case; "" where ClientUserID names the user
	ClientUserID string  // the app's own ID of the user
	Timeout      float64 // seconds asked for; finite
	RequestID    string  // the Lambda request ID, for the result
	Budget       Budget
}

// Options are what a Refresher is made of. The zero value of a field is its default.
type Options struct {
	Gate           Gate          // nil lets every refresh pass
	MaxAttempts    int           // calls per refresh; 3
	MaxConcurrency int           // refreshes at once in All; 100
	Headroom       time.Duration // kept free at the end of an invocation; no default, 0 is none
}

// Refresher refreshes users. It is safe for concurrent use.
type Refresher struct {
	upstream Upstream
	keys     Keys
	options  Options
	resolved *resolved
}

// New returns a Refresher.
func New(upstream Upstream, keys Keys, options Options) *Refresher {
	if options.MaxAttempts == 0 {
		options.MaxAttempts = 3
	}
	if options.MaxConcurrency == 0 {
		options.MaxConcurrency = 100
	}
	return &Refresher{upstream: upstream, keys: keys, options: options, resolved: newResolved()}
}

// Refresh refreshes one user. Whatever happens, also a panic, is in the result.
func (r *Refresher) Refresh(ctx context.Context, request Request) (out result.Result) {
	job := &job{Refresher: r, Request: request, userID: request.UserID, began: time.Now()}
	defer func() {
		if cause := recover(); cause != nil {
			out = job.failed(result.FailFor(result.Internal, "internal error", Panic(cause)))
		}
		out.RequestID = request.RequestID
	}()
	out, err := job.run(ctx)
	if err != nil {
		return job.failed(err)
	}
	return out
}

// Panic turns what recover returned into an error for the log: where it happened, and what it says
// only where the runtime said it, since anything else could quote a payload.
func Panic(cause any) error {
	said := fmt.Sprintf("%T", cause)
	if err, ok := cause.(interface{ RuntimeError() }); ok {
		said = fmt.Sprint(err)
	}
	return fmt.Errorf("panic: %s\n%s", said, debug.Stack())
}
