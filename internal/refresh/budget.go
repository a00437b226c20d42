package refresh

import (
	"math"
	"time"
)

// The numbers of the timeout, from Junction's API reference (5 to 60 s) and from how long those who
// wait for this function wait.
const (
	// MinTimeout and MaxTimeout are the seconds that Junction accepts.
	MinTimeout, MaxTimeout = 5.0, 60.0

	// grace is what an HTTP call may take beyond the timeout that Junction was asked for.
	grace = 1500 * time.Millisecond
	// margin is kept between the end of any call and the moment somebody gives up on this function.
	margin = 500 * time.Millisecond
	// unknownLeft is the time taken to be left where Lambda's deadline is missing or already past.
	unknownLeft = 62 * time.Second
)

// Budget is the time that one invocation has.
type Budget struct {
	Lambda time.Time // when Lambda ends the invocation
	Caller time.Time // when the caller, or the gateway before it, gives up; zero: never
}

// NewBudget returns the budget of an invocation that begins now. deadline is Lambda's, and is not
// believed where it is zero or past, a known fault of sam local invoke. callerWaits is how long the
// caller waits; 0 is for ever.
func NewBudget(now, deadline time.Time, callerWaits time.Duration) Budget {
	b := Budget{Lambda: deadline}
	if !deadline.After(now) {
		b.Lambda = now.Add(unknownLeft)
	}
	if callerWaits > 0 {
		b.Caller = now.Add(callerWaits)
	}
	return b
}

// End is the first of the moments at which somebody gives up.
func (b Budget) End() time.Time {
	if !b.Caller.IsZero() && b.Caller.Before(b.Lambda) {
		return b.Caller
	}
	return b.Lambda
}

// Available is the time for Junction, in seconds, that is left at now.
func (b Budget) Available(now time.Time, headroom time.Duration) float64 {
	return b.End().Sub(now).Seconds() - headroom.Seconds()
}

// Cutoff is when a call that begins now, and may take wait, is given up.
func (b Budget) Cutoff(now time.Time, wait time.Duration) time.Time {
	cutoff := now.Add(wait)
	if last := b.End().Add(-margin); last.Before(cutoff) {
		return last
	}
	return cutoff
}

// effective returns the timeout to send to Junction: what was asked for, held to Junction's limits
// and to the time available. enough is false where less than Junction's least is available.
//
// What is available is rounded to a tenth of a second: a 30 s gateway gives 28 s, and not 27.9997
// because a millisecond is gone. The headroom covers the difference.
func effective(requested, available float64) (timeout float64, enough bool) {
	if available < MinTimeout {
		return 0, false
	}
	clamped := math.Min(math.Max(requested, MinTimeout), MaxTimeout)
	return math.Min(clamped, math.Round(available*10)/10), true
}
