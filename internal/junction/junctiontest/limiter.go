package junctiontest

import (
	"sync"
	"time"
)

// limiter allows each user a number of calls in a sliding window ("8 per hour per user"). Rejected calls do not
// count.
type limiter struct {
	limit  int // 0: no limit
	window time.Duration

	mu      sync.Mutex
	calls   map[string][]time.Time // oldest first, at most limit each
	sweepAt int                    // number of users at which idle ones are removed
}

// take counts a call and returns true, or returns how long it takes until the oldest call leaves the window.
func (l *limiter) take(user string, now time.Time) (retryAfter time.Duration, ok bool) {
	if l.limit <= 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.recent(user, now)
	if len(calls) >= l.limit {
		return calls[0].Add(l.window).Sub(now), false
	}
	if l.calls == nil {
		l.calls = make(map[string][]time.Time)
	}
	l.calls[user] = append(calls, now)
	l.sweep(now)
	return 0, true
}

// recent returns the user's calls that are in the window.
func (l *limiter) recent(user string, now time.Time) []time.Time {
	calls := l.calls[user]
	for len(calls) > 0 && now.Sub(calls[0]) >= l.window {
		calls = calls[1:]
	}
	return calls
}

// sweep removes idle users each time the number of users has doubled, so that memory is bounded.
func (l *limiter) sweep(now time.Time) {
	if len(l.calls) < max(l.sweepAt, 1024) {
		return
	}
	for user := range l.calls {
		if len(l.recent(user, now)) == 0 {
			delete(l.calls, user)
		}
	}
	l.sweepAt = 2 * len(l.calls)
}

func (l *limiter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls, l.sweepAt = nil, 0
}
