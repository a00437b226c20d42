package junctiontest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
)

// Always, as the number of requests, means all of them until [Simulator.ClearFaults] or [Simulator.Reset].
const Always = -1

// Inject applies the fault to the next n requests, whatever they call. If several injections match a request, the
// oldest one is applied. For a fault that is for some calls only, use [Simulator.InjectWhen] with [On].
func (s *Simulator) Inject(n int, fault Fault) {
	s.InjectWhen(func(*http.Request) bool { return true }, n, fault)
}

// InjectFor applies the fault to the next n refresh calls for one user.
func (s *Simulator) InjectFor(userID string, n int, fault Fault) {
	want, ok := canonicalID(userID)
	s.InjectWhen(func(r *http.Request) bool {
		call, id := userOf(r)
		return ok && call == RefreshCall && id == want
	}, n, fault)
}

// InjectWhen applies the fault to the next n requests for which match returns true. match is called under a
// lock, one request at a time, and must not call the simulator.
func (s *Simulator) InjectWhen(match func(*http.Request) bool, n int, fault Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if n != 0 {
		s.faults.injected = append(s.faults.injected, &injection{match, n, fault})
	}
}

// ClearFaults removes all injected faults, but not those of [WithRandomFaults].
func (s *Simulator) ClearFaults() { s.faults.clear() }

// faultPlan decides which fault is applied to which request.
type faultPlan struct {
	rate    float64
	choices []Fault

	mu       sync.Mutex
	random   *rand.Rand
	injected []*injection
}

type injection struct {
	match func(*http.Request) bool
	left  int // negative: always
	fault Fault
}

// take returns the fault to apply to a request, or nil.
func (p *faultPlan) take(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, in := range p.injected {
		if !in.match(r) {
			continue
		}
		if in.left--; in.left == 0 {
			p.injected = slices.Delete(p.injected, i, i+1)
		}
		return in.fault
	}
	if len(p.choices) > 0 && p.random.Float64() < p.rate {
		return p.choices[p.random.IntN(len(p.choices))]
	}
	return nil
}

func (p *faultPlan) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injected = nil
}
