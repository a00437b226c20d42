// Package quota decides who may be refreshed now, for all instances that share a store: at most so
// many calls of a user in any window, one at a time, and none where a fresh result is there already.
// The rules are here; where the state is kept is in memory.go and dynamo.go.
package quota

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Rules are the numbers of the quota.
type Rules struct {
	Limit    int           // calls a user in any Window; 0 turns the quota off
	Window   time.Duration // Junction's is one hour
	Coalesce time.Duration // how long a result stands for further refreshes; 0 turns coalescing off
}

// On says whether there is anything to decide.
func (r Rules) On() bool { return r.Limit > 0 || r.Coalesce > 0 }

const (
	// maxResult is the most of a result that is stored, in bytes of JSON: some hundred sources. Each
	// decision about a user costs a write unit for each KiB of the item, and an item takes 1,000 of
	// them a second. A larger result is not stored.
	maxResult = 8 << 10
	// maxClosed is the longest that a Retry-After closes a user.
	maxClosed = 24 * time.Hour
)

// state is what is kept of a user. Times are milliseconds since 1970, by wall clock; 0 is never.
type state struct {
	calls       []int64 // newest first
	owner       string  // of the lease
	leaseUntil  int64
	closedUntil int64 // by a 429's Retry-After
	result      []byte
	resultAt    int64
}

// decide says what a refresh that begins now gets. The order is the one of usefulness: a result that
// is there, one that is coming, a call of its own, the time to wait.
func (r Rules) decide(s state, now time.Time) refresh.Decision {
	ms := now.UnixMilli()
	if r.fresh(s, ms) {
		var out result.Result
		if json.Unmarshal(s.result, &out) == nil {
			return refresh.Decision{Coalesced: &out}
		}
	}
	if s.leaseUntil > ms {
		return refresh.Decision{InFlight: true}
	}
	return refresh.Decision{RetryAfter: time.Duration(max(r.opens(s, ms)-ms, 0)) * time.Millisecond}
}

func (r Rules) fresh(s state, ms int64) bool {
	return r.Coalesce > 0 && s.resultAt > ms-r.Coalesce.Milliseconds() && s.resultAt > 0
}

// opens returns when the user may be called next, as far as the quota goes.
func (r Rules) opens(s state, ms int64) int64 {
	if r.Limit == 0 {
		return ms
	}
	at := s.closedUntil
	if len(s.calls) >= r.Limit {
		at = max(at, s.calls[r.Limit-1]+r.Window.Milliseconds())
	}
	return at
}

// closes returns until when an outcome closes the user; 0 where it does not.
func (r Rules) closes(out result.Result, now time.Time) int64 {
	f := out.Failure()
	if r.Limit == 0 || f == nil || f.Code != result.RateLimited || f.RetryAfter <= 0 || f.UpstreamStatus == 0 {
		return 0
	}
	return now.Add(min(f.RetryAfter, maxClosed)).UnixMilli()
}

// encode returns a result as it is stored; nil for one that is not to be: a failure, or one too large.
func (r Rules) encode(out result.Result) []byte {
	if r.Coalesce == 0 || !out.Success {
		return nil
	}
	text, err := json.Marshal(out)
	if err != nil || len(text) > maxResult {
		return nil
	}
	return text
}

// keeps is how long what is known of a user matters.
func (r Rules) keeps() time.Duration { return max(r.Window, r.Coalesce, time.Minute) }

// push returns the calls with one more, and without those that no longer count.
func (r Rules) push(calls []int64, ms int64) []int64 {
	calls = slices.Insert(calls, 0, ms)
	return calls[:min(len(calls), max(r.Limit, 1))]
}
