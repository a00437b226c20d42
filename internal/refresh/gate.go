package refresh

import (
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Gate decides which users may be refreshed now, for all who share it.
type Gate interface {
	// Enter asks for the refresh of a user. An error says that the gate has not answered. If the decision then has
	// a Lease, it may be granted yet, and Done must be called.
	Enter(ctx context.Context, entry Entry) (Decision, error)
	// Settle replaces the user's stored result by the final one, if it is still that of the same request.
	Settle(ctx context.Context, out result.Result) error
	// State returns what is known of a user.
	State(ctx context.Context, userID string) (result.State, error)
}

// Entry is what a refresh asks a Gate for.
type Entry struct {
	UserID string
	Until  time.Time      // when the first call ends at the latest
	MaxAge *time.Duration // the oldest stored result that will do; nil is the gate's own limit
	// CanWait says that nobody waits for the refresh, so that the gate may take longer to answer.
	CanWait bool
}

// MaxLease is the longest that a call takes, and with it the longest that until can be ahead.
const MaxLease = time.Duration(MaxTimeout)*time.Second + grace

// Decision is what a Gate decides.
type Decision struct {
	Kind       Kind
	Lease      Lease         // if Granted, or possibly with an error: Done must be called
	Result     result.Result // if Coalesced
	Age        time.Duration // of Result
	RetryAfter time.Duration // over 0: if Denied, until the quota allows a call; if InFlight, until it is time to ask again
}

// Kind is the kind of a Decision.
type Kind int

// The kinds of decisions, as docs/quota.md names them.
const (
	Granted   Kind = iota // the user may be refreshed
	Coalesced             // the user was refreshed a moment ago, with this result
	InFlight              // another caller is refreshing the user
	Denied                // the quota is used up
)

// Lease is a refresh that was granted. It ends by itself at the end of the last call that it was asked for.
type Lease interface {
	// Again asks for one more call, which ends by until. It reports whether the quota allows it. An error says
	// that the gate has not answered.
	Again(ctx context.Context, until time.Time) (bool, error)
	// Done ends the lease with the refresh's result, and with what became of each call, in call order.
	Done(ctx context.Context, out result.Result, calls []Call) error
}

// Call is what became of a call that a Lease allowed.
type Call int

const (
	NotSent Call = iota // the call never left, and is given back to the quota
	Sent                // Junction may have counted the call
)

// permit is what the gate allows one refresh. Without a gate it allows everything.
type permit struct {
	gate        Gate
	canWait     bool      // no call is made without the gate
	lease       Lease     // nil without a gate; if the gate has not answered, one that may be granted yet
	firstUntil  time.Time // when the lease's first call ends; zero once it has been made
	calls       []Call    // of the lease
	unreachable error     // why a call was made without the gate
}

// enter asks the gate for a refresh. Unless the decision is Granted, there must be no call. The error is a
// quota_unavailable.
func (p *permit) enter(ctx context.Context, entry Entry) (Decision, error) {
	if p.gate == nil {
		return Decision{}, nil
	}
	decision, err := p.gate.Enter(ctx, entry)
	p.lease, p.firstUntil, p.calls = decision.Lease, entry.Until, nil
	switch {
	case err == nil:
		return decision, nil
	case p.canWait:
		if p.lease != nil { // nobody will use it
			_ = p.lease.Done(ctx, result.Result{}, []Call{NotSent})
		}
		p.lease = nil
		return Decision{}, quotaUnavailable(err)
	}
	p.unreachable = err // Junction keeps its own limit
	return Decision{}, nil
}

// beforeCall asks for a call that ends by until, and returns when it must end: the lease must not end
// before its call does. The error is errQuotaUsedUp or a quota_unavailable.
func (p *permit) beforeCall(ctx context.Context, until time.Time) (time.Time, error) {
	if p.lease == nil {
		return until, nil
	}
	if !p.firstUntil.IsZero() {
		until, p.firstUntil = p.firstUntil, time.Time{}
	} else if allowed, err := p.lease.Again(ctx, until); err != nil && p.canWait {
		return until, quotaUnavailable(err)
	} else if err != nil {
		p.unreachable = err
	} else if !allowed {
		return until, errQuotaUsedUp
	}
	p.calls = append(p.calls, NotSent)
	return until, nil
}

// afterCall notes what became of the last call.
func (p *permit) afterCall(sent bool) {
	if sent && len(p.calls) > 0 {
		p.calls[len(p.calls)-1] = Sent
	}
}

// close ends the lease.
func (p *permit) close(ctx context.Context, out result.Result) {
	if p.lease == nil {
		return
	}
	if err := p.lease.Done(ctx, out, p.calls); err != nil {
		p.unreachable = err
	}
	p.lease = nil
}

func quotaUnavailable(err error) *result.Failure {
	return result.FailFor(result.QuotaUnavailable, "the quota could not be checked, and the refresh can wait", err)
}

// errQuotaUsedUp is our own quota's refusal; Junction was not called.
var errQuotaUsedUp = result.Fail(result.RateLimited, "the user was refreshed as often as the quota allows")

// errInFlight tells a refresh that can wait that another one has the user.
var errInFlight = result.Fail(result.InFlight, "another refresh of the user is in flight")
