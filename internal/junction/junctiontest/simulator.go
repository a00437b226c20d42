package junctiontest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// DefaultKey is the team key that a new simulator accepts. Its prefix is that of the US sandbox.
const DefaultKey = "sk_us_simulator_0123456789abcdef"

// KeyHeader is the header with the team key ("Junction API: Authentication").
const KeyHeader = "X-Vital-Api-Key"

// Simulator is an http.Handler that answers as Junction's API does. See [New]. It is safe for concurrent use.
type Simulator struct {
	speed     float64
	clock     func() time.Time // nil: the time package's
	users     userStore
	limit     limiter
	ingestion ingestion
	faults    faultPlan
	log       requestLog

	keysMu sync.RWMutex
	keys   []string

	hookMu sync.Mutex // held while hook runs
	hook   func(Exchange)
}

var _ http.Handler = (*Simulator)(nil)

// New returns a simulator. Without options it has [DefaultKey] and [DefaultUsers], allows 8 refreshes per user and
// hour, waits in real time and records the last 4096 requests. It panics if a user is invalid, as
// [Simulator.AddUser] does.
func New(opts ...Option) *Simulator {
	s := &Simulator{
		speed: 1,
		keys:  []string{DefaultKey},
		limit: limiter{limit: 8, window: time.Hour},
		log:   requestLog{keep: 4096},
	}
	s.users.sourcesOf = generatedSources
	settings := settings{Simulator: s, initialUsers: DefaultUsers()}
	for _, opt := range opts {
		opt(&settings)
	}
	for _, u := range settings.initialUsers {
		s.AddUser(u)
	}
	return s
}

// SetKeys replaces the accepted keys, from the next request on. Without keys every request is rejected.
func (s *Simulator) SetKeys(keys ...string) {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	s.keys = slices.Clone(keys)
}

// AddUser adds a user, or replaces the user with the same ID. It panics if the ID is not a UUID or another user has
// the same client_user_id, neither of which is possible in Junction.
func (s *Simulator) AddUser(u User) { s.users.add(u) }

// Reset removes all recorded requests, counts, injected faults and refreshes (those in progress too), and restarts
// the rate limit. Users, keys and random faults stay.
func (s *Simulator) Reset() {
	s.log.reset()
	s.limit.reset()
	s.ingestion.reset()
	s.faults.clear()
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := s.record(w, r)
	returned := false
	defer func() { s.finishRecord(rec, r, returned) }()

	handler := http.Handler(http.HandlerFunc(s.answer))
	if fault := s.faults.take(r); fault != nil {
		handler = fault(handler)
	}
	handler.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), speedKey{}, s.speed)))
	returned = true
}

// answer gives the regular answer. As in FastAPI, an unknown route is 404 even without a key.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request) {
	route, argument := routeOf(r)
	if route.call == "" {
		writeDetail(w, http.StatusNotFound, "Not Found")
		return
	}
	if r.Method != route.method {
		w.Header().Set("Allow", route.method)
		writeDetail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	if !s.accepts(r.Header.Get(KeyHeader)) {
		// The text is not documented.
		writeDetail(w, http.StatusUnauthorized, "invalid token")
		return
	}
	switch route.call {
	case RefreshCall:
		s.refresh(w, r, argument)
	case ResolveCall:
		s.resolve(w, argument)
	case ListCall:
		s.list(w, r)
	case IntrospectCall:
		s.introspect(w, r)
	case ConnectionsCall:
		s.connections(w, argument)
	}
}

func (s *Simulator) accepts(key string) bool {
	s.keysMu.RLock()
	defer s.keysMu.RUnlock()
	return key != "" && slices.Contains(s.keys, key)
}

// now returns the time by the simulator's clock.
func (s *Simulator) now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now()
}

// takes returns how long a source's refresh takes by the simulator's clock.
func (s *Simulator) takes(source Source) time.Duration {
	if s.clock != nil {
		return source.Takes
	}
	return time.Duration(float64(source.Takes) / s.speed)
}

// speedKey is the context key of WithSpeed's factor, for faults.
type speedKey struct{}

// wait waits d, divided by the factor of WithSpeed, and reports whether the client is still connected.
func wait(ctx context.Context, d time.Duration) bool {
	if speed, ok := ctx.Value(speedKey{}).(float64); ok {
		d = time.Duration(float64(d) / speed)
	}
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
