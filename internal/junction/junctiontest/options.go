package junctiontest

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Option configures a simulator: see [New].
type Option func(*settings)

// settings is a simulator under construction.
type settings struct {
	*Simulator
	initialUsers []User
}

// WithKeys accepts the given team keys instead of [DefaultKey]; [Simulator.SetKeys] changes them later.
func WithKeys(keys ...string) Option {
	return func(s *settings) { s.SetKeys(keys...) }
}

// WithUsers has the given users instead of [DefaultUsers]; it may be used without any.
func WithUsers(users ...User) Option {
	return func(s *settings) { s.initialUsers = slices.Clone(users) }
}

// WithGeneratedUsers adds n users after all others. They are computed from their index and not stored, so
// 100,000 of them need no memory. See [GeneratedUserID].
func WithGeneratedUsers(n int) Option {
	return func(s *settings) { s.users.generated = max(0, n) }
}

// WithGeneratedSources replaces the sources of generated users. The function is called from several goroutines,
// and must always return the same for the same index.
func WithGeneratedSources(sources func(index int) []Source) Option {
	return func(s *settings) { s.users.sourcesOf = sources }
}

// WithRepeatedUsers repeats the first n users at the end of the list, and counts them in total: Junction's list
// has no order, so a user can be on two pages.
func WithRepeatedUsers(n int) Option {
	return func(s *settings) { s.users.repeated = max(0, n) }
}

// WithLimit sets how many refreshes a user may have in a sliding window, instead of Junction's 8 per hour; 0 is
// unlimited.
func WithLimit(refreshes int, window time.Duration) Option {
	return func(s *settings) { s.limit.limit, s.limit.window = refreshes, window }
}

// WithSpeed divides every wait (of sources, Latency and SlowDrip) by factor: with 1000 a minute takes 60 ms, and
// with math.Inf(1) there is no wait. A factor of 0 or less is taken for 1. The window of the rate limit is not
// scaled, because Retry-After would be wrong.
func WithSpeed(factor float64) Option {
	return func(s *settings) {
		s.speed = 1
		if factor > 0 {
			s.speed = factor
		}
	}
}

// WithClock takes the time from now instead of from the time package: when a refresh starts, when its sources end, and
// the window of the rate limit. [WithSpeed] does not shorten how long a source takes by this clock; it still shortens
// the waits of calls, which the clock does not move. So with WithSpeed(math.Inf(1)) and a clock that the test moves,
// a call answers at once, and its sources end as the test moves the clock. now is called from several goroutines.
func WithClock(now func() time.Time) Option {
	return func(s *settings) { s.clock = now }
}

// WithRandomFaults applies one of the faults to a share (rate, 0 to 1) of the requests without an injected fault.
// [Only] makes a fault that spares some calls. The same seed makes the same choices in the order in which requests arrive.
func WithRandomFaults(seed uint64, rate float64, faults ...Fault) Option {
	return func(s *settings) {
		s.faults.rate, s.faults.choices = rate, slices.Clone(faults)
		s.faults.random = rand.New(rand.NewPCG(seed, 0))
	}
}

// WithRecordLimit keeps the newest n requests instead of 4096. It does not affect counts.
func WithRecordLimit(n int) Option {
	return func(s *settings) { s.log.keep = max(0, n) }
}

// OnExchange calls hook after each request, one at a time, whether or not it was answered. The hook runs before
// ServeHTTP returns, and must not send requests to the simulator.
func OnExchange(hook func(Exchange)) Option {
	return func(s *settings) { s.hook = hook }
}
