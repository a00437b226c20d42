// Package quota decides which users may be refreshed now, for all instances that share a store: a limited
// number of calls per user in any window, one at a time, and none while a recent result is stored. The rules
// are in this file; memory.go and dynamo.go keep the state.
package quota

import (
	"slices"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Rules are the numbers of the quota.
type Rules struct {
	Limit    int           // calls per user in any Window; 0 turns the quota off
	Window   time.Duration // Junction's is one hour
	Coalesce time.Duration // how long a result answers further refreshes; 0 turns coalescing off
}

// On reports whether there is anything to decide.
func (r Rules) On() bool { return r.Limit > 0 || r.Coalesce > 0 }

const (
	// maxClosed is the longest that a Retry-After closes a user.
	maxClosed = 24 * time.Hour
	// maxAge is the oldest result that a refresh can accept.
	maxAge = time.Hour
	// tolerance is how far ahead the clock of another instance may be. What is stored with a later time
	// cannot be true.
	tolerance = time.Minute
	// beforeStale and minAwait are those of await.
	beforeStale, minAwait = 10 * time.Second, 20 * time.Second
)

// state is what is kept about a user. Times are wall-clock milliseconds since 1970; 0 is never.
type state struct {
	calls       []int64 // newest first
	owner       string  // of the lease
	leaseUntil  int64
	leaseCalls  int64 // how many calls the lease has counted
	closedUntil int64 // because of a 429's Retry-After
	result      []byte
	resultAt    int64
	resultOf    string // the ID of the request whose refresh had the result
}

// accepting returns the rules for a refresh that accepts a stored result up to maxAge old; nil is the rules' own
// limit. Without coalescing nothing is stored.
func (r Rules) accepting(maxAge *time.Duration) Rules {
	if maxAge != nil && r.Coalesce > 0 {
		r.Coalesce = *maxAge
	}
	return r
}

// decide returns the decision about a refresh that begins now. It prefers what is most useful to the
// caller: a stored result, one that is on its way, a call of its own, the time to wait. If the decision is
// Granted, the store adds the lease.
func (r Rules) decide(s state, userID string, now time.Time) refresh.Decision {
	ms := now.UnixMilli()
	if r.fresh(s, ms) {
		if out, ok := decode(s.result, userID, s.resultOf); ok {
			return refresh.Decision{Kind: refresh.Coalesced, Result: out, Age: max(now.Sub(time.UnixMilli(s.resultAt)), 0)}
		}
	}
	s = r.plausible(s, now)
	if rest := s.leaseUntil - ms; rest > 0 {
		return refresh.Decision{Kind: refresh.InFlight, RetryAfter: r.await(time.Duration(rest) * time.Millisecond)}
	}
	if wait := r.opens(s, ms) - ms; wait > 0 {
		return refresh.Decision{Kind: refresh.Denied, RetryAfter: time.Duration(wait) * time.Millisecond}
	}
	return refresh.Decision{Kind: refresh.Granted}
}

// plausible returns the state without the times that cannot be true. A table is outside input: people can
// edit it, and a wrong time must not lock a user out. Calls that have left the window are left out too.
func (r Rules) plausible(s state, now time.Time) state {
	ahead := now.Add(tolerance)
	s.calls = slices.DeleteFunc(slices.Clone(s.calls), func(at int64) bool {
		return at <= now.Add(-r.Window).UnixMilli() || at > ahead.UnixMilli()
	})
	s.leaseUntil = max(s.leaseUntil, 0)
	if s.leaseUntil > ahead.Add(refresh.MaxLease).UnixMilli() {
		s.leaseUntil = 0
	}
	if s.closedUntil > ahead.Add(maxClosed).UnixMilli() {
		s.closedUntil = 0
	}
	return s
}

// fresh reports whether the stored result, if it is the user's, answers a refresh now.
func (r Rules) fresh(s state, ms int64) bool {
	return s.resultAt > ms-r.Coalesce.Milliseconds() && s.resultAt <= ms+tolerance.Milliseconds() && r.Coalesce > 0
}

// await returns how long to wait for a refresh in flight whose lease has this rest. A refresh can end long before
// its lease, and then its result is no longer fresh at the lease's end: those who waited for it would refresh the
// user one after the other. So nobody waits longer than a result stays fresh, less beforeStale for the way back;
// nor less than minAwait, because a message can be received only a few times.
func (r Rules) await(rest time.Duration) time.Duration {
	if r.Coalesce == 0 { // there will be no result
		return rest
	}
	return min(rest, max(r.Coalesce-beforeStale, minAwait))
}

// opens returns when the quota allows the next call, which is now at the earliest.
func (r Rules) opens(s state, ms int64) int64 {
	if r.Limit == 0 {
		return ms
	}
	at := max(s.closedUntil, ms)
	if len(s.calls) >= r.Limit {
		at = max(at, s.calls[r.Limit-1]+r.Window.Milliseconds())
	}
	return at
}

// closes returns until when a result closes the user; 0 if it does not.
func (r Rules) closes(out result.Result, now time.Time) int64 {
	f := out.Failure()
	if r.Limit == 0 || f == nil || f.Code != result.RateLimited || f.RetryAfter <= 0 || f.UpstreamStatus == 0 {
		return 0
	}
	return now.Add(min(f.RetryAfter, maxClosed)).UnixMilli()
}

// keeps is how long a user's state matters.
func (r Rules) keeps() time.Duration { return max(r.Window, r.keepsResult(), time.Minute) }

// keepsResult is how long a stored result matters: a refresh may accept one that is an hour old.
func (r Rules) keepsResult() time.Duration {
	if r.Coalesce == 0 {
		return 0
	}
	return max(r.Coalesce, maxAge)
}

// state returns what is known of a user.
func (r Rules) state(s state, userID string, now time.Time) result.State {
	ms := now.UnixMilli()
	known := result.State{UserID: userID}
	r.Coalesce = r.keepsResult()
	if out, ok := decode(s.result, userID, s.resultOf); ok && r.fresh(s, ms) {
		known.LastResult = &out
		known.LastRefreshedAt = new(time.UnixMilli(s.resultAt).UTC().Truncate(time.Second))
	}
	s = r.plausible(s, now)
	known.Refreshing = s.leaseUntil > ms
	if r.Limit > 0 { // otherwise only the last call is kept
		known.CallsInWindow = len(s.calls)
		known.CallsLeft = new(max(r.Limit-len(s.calls), 0))
	}
	if at := r.opens(s, ms); at > ms {
		known.NextCallAt = new(time.UnixMilli(at + 999).UTC().Truncate(time.Second)) // rounded up
		known.CallsLeft = new(0)
	}
	return known
}

// push returns the calls with one more at the head, cut to the number that counts.
func (r Rules) push(calls []int64, ms int64) []int64 {
	calls = slices.Insert(calls, 0, ms)
	return calls[:min(len(calls), max(r.Limit, 1))]
}

// notSent returns the list indexes of a lease's calls that were never sent. A lease's calls are the head of
// the user's list, the newest first.
func notSent(calls []refresh.Call) (indexes []int) {
	for i, call := range calls {
		if call == refresh.NotSent {
			indexes = append(indexes, len(calls)-1-i)
		}
	}
	return indexes
}
