package refresh

import (
	"math"
	"time"
)

// The limits of the timeout: Junction's, from its API reference, and what the caller's patience needs.
const (
	// MinTimeout and MaxTimeout are the seconds that Junction accepts.
	MinTimeout, MaxTimeout = 5.0, 60.0

	// grace is what an HTTP call may take beyond the timeout that Junction was asked for.
	grace = 1500 * time.Millisecond
	// margin is the time between the end of any call and the moment when Lambda or the caller times out.
	margin = 500 * time.Millisecond
	// unknownLeft is the time that is assumed to be left if Lambda's deadline is missing or already past.
	unknownLeft = 62 * time.Second
)

// Budget is the time that one invocation has.
type Budget struct{ end time.Time }

// NewBudget returns the budget of an invocation that begins now. deadline is Lambda's; one that is zero or
// already past (a known fault of sam local invoke) is not used. callerWaits is how long the caller waits; 0
// is for ever.
func NewBudget(now, deadline time.Time, callerWaits time.Duration) Budget {
	b := Budget{deadline}
	if !deadline.After(now) {
		b.end = now.Add(unknownLeft)
	}
	if caller := now.Add(callerWaits); callerWaits > 0 && caller.Before(b.end) {
		b.end = caller
	}
	return b
}

// End is when Lambda ends the invocation or, if that is earlier, when the caller or the gateway in front of the
// function times out.
func (b Budget) End() time.Time { return b.end }

// Available is the time for Junction, in seconds, that is left at now.
func (b Budget) Available(now time.Time, headroom time.Duration) float64 {
	return (b.end.Sub(now) - headroom).Seconds()
}

// Cutoff is when a call that begins now, and may take wait, is cut off.
func (b Budget) Cutoff(now time.Time, wait time.Duration) time.Time {
	cutoff := now.Add(wait)
	if last := b.end.Add(-margin); last.Before(cutoff) {
		return last
	}
	return cutoff
}

// effective returns the timeout to send to Junction: the requested one, clamped to Junction's limits and
// to the time available. enough is false if less than Junction's shortest timeout is available.
//
// The time available is rounded to a tenth of a second: a 30 s gateway gives 28 s, and not 27.9997 because
// a millisecond has passed. The headroom covers the difference.
func effective(requested, available float64) (timeout float64, enough bool) {
	if available < MinTimeout {
		return 0, false
	}
	clamped := math.Min(math.Max(requested, MinTimeout), MaxTimeout)
	return math.Min(clamped, math.Round(available*10)/10), true
}
