package junctiontest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
)

// Always, as the number of an injection, means until [Simulator.ClearFaults] or [Simulator.Reset].
const Always = -1

// Inject gives the next n requests the fault. Injections are used up in the order in which they
// were made: of those that fit a request, the oldest takes it.
func (s *Simulator) Inject(n int, fault Fault) {
	s.InjectWhen(func(*http.Request) bool { return true }, n, fault)
}

// InjectFor gives the next n refresh calls for one user the fault.
func (s *Simulator) InjectFor(userID string, n int, fault Fault) {
	want, ok := canonicalID(userID)
	s.InjectWhen(func(r *http.Request) bool {
		id, refresh := refreshedUser(r)
		return ok && refresh && id == want
	}, n, fault)
}

// InjectWhen gives the next n requests that match the fault. match is called under a lock, one
// request at a time, and must not call the simulator.
func (s *Simulator) InjectWhen(match func(*http.Request) bool, n int, fault Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if n != 0 {
		s.faults.injected = append(s.faults.injected, &injection{match, n, fault})
	}
}

// ClearFaults forgets all injected faults. Those of [WithRandomFaults] stay.
func (s *Simulator) ClearFaults() { s.faults.clear() }

// faultPlan decides which request meets which fault.
type faultPlan struct {
	rate    float64
	choices []Fault

	mu       sync.Mutex
	random   *rand.Rand
	injected []*injection
}

type injection struct {
	match func(*http.Request) bool
	left  int // below 0: always
	fault Fault
}

// take is the fault that a request meets, nil where there is none.
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
