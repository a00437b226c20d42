// Package refresh makes a refresh: it clamps the timeout, resolves the user, asks the gate, calls Junction,
// retries what is worth retrying, and normalizes the outcome. It knows neither Lambda nor HTTP. What it
// needs plugs into the interfaces that it declares.
package refresh

import (
	"cmp"
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Upstream is Junction. Its errors are *result.Failure.
type Upstream interface {
	// Check reports why a key cannot be used at all, or nil. It makes no call.
	Check(key sensitive.String) error
	// Refresh makes one call and waits for its answer until ctx ends. timeout is in seconds.
	Refresh(ctx context.Context, key sensitive.String, userID string, timeout float64) (result.Answer, error)
	// Resolve returns the Junction user with an app's own ID.
	Resolve(ctx context.Context, key sensitive.String, clientUserID string) (userID string, err error)
	// LastAttempts returns Junction's last attempts to fetch a user's sources.
	LastAttempts(ctx context.Context, key sensitive.String, userID string) ([]result.Attempt, error)
	// Connections returns a user's connections to providers.
	Connections(ctx context.Context, key sensitive.String, userID string) ([]result.Connection, error)
	// List returns a page of the team's users. limit is 500 at most.
	List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error)
}

// Keys provides the team key. Its errors are *result.Failure.
type Keys interface {
	Key(ctx context.Context) (sensitive.String, error)
	// Renew returns the key that replaces one that Junction refused, or the same one if there is no other.
	Renew(ctx context.Context, refused sensitive.String) (sensitive.String, error)
}

// Request asks for one user's refresh.
type Request struct {
	UserID       string         // a UUID in lower case; "" if ClientUserID has to be resolved
	ClientUserID string         // the app's own ID of the user; "" if it is not known
	Timeout      float64        // seconds asked for; finite
	MaxAge       *time.Duration // the oldest stored result that will do; nil is the gate's own limit
	SingleCall   bool           // make one call only, because the caller retries by itself
	RequestID    string         // for the result
	Budget       Budget
	CanWait      bool // the request can be made again later: it is a queue message
}

// Options are what a Refresher is made of. The zero value of a field is its default.
type Options struct {
	Gate           Gate          // nil allows every refresh
	MaxAttempts    int           // calls per refresh; 3
	MaxConcurrency int           // refreshes at once in All; 100
	Headroom       time.Duration // kept free at the end of an invocation; 0 keeps none free

	FollowUp        []time.Duration // pauses before each look at sources that were still running; none follows nothing up
	ExplainFailures bool            // find out why sources failed
}

const (
	// maxResolved is how many app users an instance remembers.
	maxResolved = 10_000
	// resolvedFor is how long it remembers one: an app may give its ID to another Junction user.
	resolvedFor = 10 * time.Minute
)

// resolvedUser is the Junction user that an app's own ID was resolved to.
type resolvedUser struct {
	id    string
	until time.Time // wall clock: the monotonic clock of a frozen Lambda stands still
}

// Refresher refreshes users. It is safe for concurrent use.
type Refresher struct {
	upstream Upstream
	keys     Keys
	options  Options
	resolved *lru.Cache[string, resolvedUser] // by the app's own ID
}

// New returns a Refresher.
func New(upstream Upstream, keys Keys, options Options) *Refresher {
	options.MaxAttempts = cmp.Or(options.MaxAttempts, 3)
	options.MaxConcurrency = cmp.Or(options.MaxConcurrency, 100)
	resolved, _ := lru.New[string, resolvedUser](maxResolved) // the error is for a size of 0
	return &Refresher{upstream: upstream, keys: keys, options: options, resolved: resolved}
}

// State returns what is known of a user without a call to Junction. Errors are *result.Failure.
func (r *Refresher) State(ctx context.Context, userID string) (result.State, error) {
	if r.options.Gate == nil {
		return result.State{UserID: userID}, nil
	}
	state, err := r.options.Gate.State(ctx, userID)
	if err != nil {
		return result.State{}, result.FailFor(result.QuotaUnavailable, "the quota's table could not be reached", err)
	}
	return state, nil
}

// listTimeout is how long one page of users may take: it has a few hundred KiB.
const listTimeout = 15 * time.Second

// Users lists a page of the team's users, at most 500. Errors are *result.Failure.
func (r *Refresher) Users(ctx context.Context, budget Budget, offset, limit int) (result.Page, error) {
	s := r.newSession(budget)
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-margin))
	defer cancel()
	if err := s.open(ctx); err != nil {
		return result.Page{}, err
	}
	return lookUp(ctx, s, listTimeout, func(ctx context.Context) (result.Page, error) {
		return r.upstream.List(ctx, s.key, offset, limit)
	})
}

// Refresh refreshes one user. Whatever happens, a panic included, is in the result.
func (r *Refresher) Refresh(ctx context.Context, request Request) (out result.Result) {
	j := &job{
		session: r.newSession(request.Budget), request: request, began: time.Now(), user: request.UserID,
		permit: permit{gate: r.options.Gate, canWait: request.CanWait},
	}
	if request.SingleCall {
		j.maxAttempts = 1
	}
	defer func() {
		if cause := recover(); cause != nil {
			out = j.complete(result.FromFailure(j.user, result.FromPanic(cause)))
		}
		out.RequestID, out.ClientUserID = request.RequestID, request.ClientUserID
	}()
	out, err := j.run(ctx)
	if err != nil {
		return j.complete(result.FromFailure(j.user, result.AsFailure(err)))
	}
	return out
}

// All refreshes many users, at most MaxConcurrency at once. It calls each with every result as it comes,
// and with its request's index, from one goroutine, and returns after the last. A refresh that cannot begin
// in time fails with insufficient_time.
func (r *Refresher) All(ctx context.Context, requests []Request, each func(i int, out result.Result)) {
	type outcome struct {
		i   int
		out result.Result
	}
	next, done := make(chan int, len(requests)), make(chan outcome, len(requests))
	for i := range requests {
		next <- i
	}
	close(next)
	for range min(r.options.MaxConcurrency, len(requests)) {
		go func() {
			for i := range next {
				done <- outcome{i, r.Refresh(ctx, requests[i])}
			}
		}()
	}
	for range requests {
		o := <-done
		each(o.i, o.out)
	}
}
