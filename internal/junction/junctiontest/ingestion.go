package junctiontest

import (
	"math"
	"sync"
	"time"
)

// Never, as the time that a source takes, means that its refresh does not end.
const Never = time.Duration(math.MaxInt64)

// attempt is an attempt to fetch a source.
type attempt struct {
	source string    // its name
	at     time.Time // when it ends
	fails  bool
}

// ingestion has the refreshes that were started, of which each source's last attempt follows. Its memory is bounded
// by a few refreshes per user.
type ingestion struct {
	mu    sync.Mutex
	users map[string]*userIngestion
}

// userIngestion is what was started for one user.
type userIngestion struct {
	before    time.Time // of the sources' attempts before the first refresh
	refreshes []startedRefresh
}

// startedRefresh has one attempt per source that ends at all.
type startedRefresh struct {
	attempts []attempt
	done     time.Time // when the last of them ends
}

// start adds a refresh that starts now. takes returns how long a source takes by the simulator's clock.
func (g *ingestion) start(user User, now time.Time, takes func(Source) time.Duration) {
	started := startedRefresh{done: now}
	for _, source := range user.Sources {
		if source.Takes == Never {
			continue
		}
		a := attempt{source.Name, now.Add(takes(source)), user.fails(source)}
		started.attempts = append(started.attempts, a)
		if a.at.After(started.done) {
			started.done = a.at
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.user(user.ID, now)
	u.refreshes = append(u.refreshes, started)
	// A refresh does not count any more once a later one has ended.
	for len(u.refreshes) > 1 && !u.refreshes[1].done.After(now) {
		u.refreshes = u.refreshes[1:]
	}
}

// last returns the last attempt to fetch a source. Before the first refresh it is one of Junction's own, an hour
// before anything was asked about the user: it failed if the provider is broken.
func (g *ingestion) last(user User, source Source, now time.Time) attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.user(user.ID, now)
	last := attempt{source.Name, u.before, user.broken(source)}
	for _, started := range u.refreshes {
		for _, a := range started.attempts {
			if a.source == source.Name && !a.at.After(now) && !a.at.Before(last.at) {
				last = a
			}
		}
	}
	return last
}

// user returns what was started for a user. g.mu must be held.
func (g *ingestion) user(id string, now time.Time) *userIngestion {
	u, known := g.users[id]
	if !known {
		if g.users == nil {
			g.users = make(map[string]*userIngestion)
		}
		u = &userIngestion{before: now.Add(-time.Hour)}
		g.users[id] = u
	}
	return u
}

func (g *ingestion) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users = nil
}
