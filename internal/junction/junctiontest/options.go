package junctiontest

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Option changes what [New] makes.
type Option func(*settings)

// settings is a simulator under construction.
type settings struct {
	*Simulator
	known []User // the users to add at the end
}

// WithKeys accepts these team keys instead of [DefaultKey]; [Simulator.SetKeys] changes them later.
func WithKeys(keys ...string) Option {
	return func(s *settings) { s.SetKeys(keys...) }
}

// WithUsers knows these users instead of [DefaultUsers]; with none, no user at all.
func WithUsers(users ...User) Option {
	return func(s *settings) { s.known = slices.Clone(users) }
}

// WithGeneratedUsers adds n users after the others, worked out from their index when they are
// needed and never stored, so that 100,000 of them cost nothing. See [GeneratedUserID].
func WithGeneratedUsers(n int) Option {
	return func(s *settings) { s.users.generated = max(0, n) }
}

// WithGeneratedSources gives generated users these sources instead of the default ones of
// [WithGeneratedUsers]. The function is called from several goroutines, and must always answer the
// same for the same index.
func WithGeneratedSources(sources func(index int) []Source) Option {
	return func(s *settings) { s.users.sourcesOf = sources }
}

// WithRepeatedUsers lists the first n users once more at the end of the listing, and counts them
// in total: Junction's listing is unordered, so a user can come on two pages.
func WithRepeatedUsers(n int) Option {
	return func(s *settings) { s.users.repeated = max(0, n) }
}

// WithLimit sets the refreshes that a user may have in a sliding window. Junction's limit is 8 an
// hour; 0 turns it off.
func WithLimit(refreshes int, window time.Duration) Option {
	return func(s *settings) { s.limit.limit, s.limit.window = refreshes, window }
}

// WithSpeed divides every wait (sources, latencies, drips) by factor: 1000 makes a minute 60 ms,
// math.Inf(1) waits not at all. What is not above zero is taken for 1. The rate window is not
// scaled, since Retry-After would be wrong.
func WithSpeed(factor float64) Option {
	return func(s *settings) {
		s.speed = 1
		if factor > 0 {
			s.speed = factor
		}
	}
}

// WithRandomFaults gives a share of all requests (rate 0 to 1), where no injected fault takes them,
// one of the faults. The same seed makes the same choices in the order in which requests arrive.
func WithRandomFaults(seed uint64, rate float64, faults ...Fault) Option {
	return func(s *settings) {
		s.faults.rate, s.faults.choices = rate, slices.Clone(faults)
		s.faults.random = rand.New(rand.NewPCG(seed, 0))
	}
}

// WithRecordLimit keeps the newest n requests on record instead of 4096. Counts do not suffer from it.
func WithRecordLimit(n int) Option {
	return func(s *settings) { s.log.keep = max(0, n) }
}

// OnExchange calls hook after each answer, or failure to answer, one at a time. It runs before
// ServeHTTP returns, and must not itself send requests to the simulator.
func OnExchange(hook func(Exchange)) Option {
	return func(s *settings) { s.hook = hook }
}
