package quota

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxUsers bounds the memory of an instance. Beyond it some user is forgotten; Junction keeps its own
// limit.
const maxUsers = 5_000

// Memory keeps the quota of one instance. It implements refresh.Gate and is safe for concurrent use.
type Memory struct {
	rules Rules
	now   func() time.Time

	mu     sync.Mutex
	users  map[string]*entry
	leases int64     // granted so far: the number of the newest one
	sweep  time.Time // when entries that no longer matter are dropped next
}

type entry struct {
	state
	lease int64 // the number of the current lease
	until time.Time
}

// NewMemory returns a gate that keeps its state in this process.
func NewMemory(rules Rules) *Memory {
	return &Memory{rules: rules, now: time.Now, users: map[string]*entry{}}
}

// Enter implements refresh.Gate. Its error is always nil.
func (m *Memory) Enter(_ context.Context, userID string, until time.Time) (refresh.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().Round(0)
	m.drop(now)
	e := m.users[userID]
	if e == nil {
		e = &entry{}
		m.users[userID] = e
	}
	d := m.rules.decide(e.state, userID, now)
	if d.Kind == refresh.Granted {
		m.leases++
		e.lease = m.leases
		e.call(m.rules, now, until)
		d.Lease = &memoryLease{Memory: m, userID: userID, number: e.lease}
	}
	return d, nil
}

// call counts a call that begins now.
func (e *entry) call(rules Rules, now, until time.Time) {
	e.calls = rules.push(e.calls, now.UnixMilli())
	e.leaseUntil = until.UnixMilli()
	e.until = until.Add(rules.keeps())
}

// drop forgets users whose state no longer matters, once a minute, and any user without a lease if there
// are too many.
func (m *Memory) drop(now time.Time) {
	if !now.Before(m.sweep) {
		for id, e := range m.users {
			if e.until.Before(now) {
				delete(m.users, id)
			} else if !m.rules.fresh(e.state, now.UnixMilli()) {
				e.result = nil
			}
		}
		m.sweep = now.Add(time.Minute)
	}
	for id, e := range m.users {
		if len(m.users) < maxUsers {
			return
		}
		if e.leaseUntil <= now.UnixMilli() {
			delete(m.users, id)
		}
	}
}

// memoryLease implements refresh.Lease.
type memoryLease struct {
	*Memory
	userID string
	number int64
}

// held returns the lease's user if the lease is still the current one, else nil. mu is locked.
func (l *memoryLease) held() *entry {
	if e := l.users[l.userID]; e != nil && e.lease == l.number && e.leaseUntil > 0 {
		return e
	}
	return nil
}

// Again implements refresh.Lease.
func (l *memoryLease) Again(_ context.Context, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Round(0)
	e := l.held()
	if e == nil || l.rules.opens(e.state, now.UnixMilli()) > now.UnixMilli() {
		return false, nil
	}
	e.call(l.rules, now, until)
	return true, nil
}

// Done implements refresh.Lease.
func (l *memoryLease) Done(_ context.Context, out result.Result, calls []refresh.Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Round(0)
	e := l.held()
	if e == nil {
		return nil
	}
	e.leaseUntil = 0
	for _, i := range notSent(calls) { // the highest index first
		if i < len(e.calls) {
			e.calls = slices.Delete(e.calls, i, i+1)
		}
	}
	if text := l.rules.encode(out); text != nil {
		e.result, e.resultAt = text, now.UnixMilli()
		e.until = maxTime(e.until, now.Add(l.rules.keeps()))
	}
	if closed := l.rules.closes(out, now); closed > 0 {
		e.closedUntil = closed
		e.until = maxTime(e.until, time.UnixMilli(closed))
	}
	return nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
