package quota

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// maxUsers bounds the memory of an instance. Beyond it some user is forgotten; Junction keeps its own
	// limit.
	maxUsers = 5_000
	// maxResults bounds the stored results of an instance, in bytes. That is enough for a result of usual size
	// for each of maxUsers, and little of the 128 MB that the function has. Beyond it, half of them are
	// forgotten.
	maxResults = 8 << 20
)

// Memory keeps the quota of one instance. It implements refresh.Gate and is safe for concurrent use.
type Memory struct {
	rules Rules
	now   func() time.Time

	mu     sync.Mutex
	users  map[string]*userState
	stored int       // the results' size in bytes
	sweep  time.Time // when entries that no longer matter are dropped next
}

type userState struct {
	state
	lease *memoryLease // the newest one
	until time.Time
}

// NewMemory returns a gate that keeps its state in this process.
func NewMemory(rules Rules) *Memory {
	return &Memory{rules: rules, now: time.Now, users: map[string]*userState{}}
}

// Enter implements refresh.Gate. Its error is always nil.
func (m *Memory) Enter(_ context.Context, entry refresh.Entry) (refresh.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().Round(0)
	m.drop(now)
	u := m.users[entry.UserID]
	if u == nil {
		u = &userState{}
		m.users[entry.UserID] = u
	}
	d := m.rules.accepting(entry.MaxAge).decide(u.state, entry.UserID, now)
	if d.Kind == refresh.Granted {
		u.lease = &memoryLease{Memory: m, userID: entry.UserID}
		u.call(m.rules, now, entry.Until)
		d.Lease = u.lease
	}
	return d, nil
}

// Settle implements refresh.Gate. Its error is always nil.
func (m *Memory) Settle(_ context.Context, out result.Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := m.rules.encodeEnd(out)
	if u := m.users[out.UserID]; u != nil && u.result != nil && u.resultOf == out.RequestID && text != nil {
		m.store(u, text)
	}
	return nil
}

// State implements refresh.Gate. Its error is always nil.
func (m *Memory) State(_ context.Context, userID string) (result.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var s state
	if u := m.users[userID]; u != nil {
		s = u.state
	}
	return m.rules.state(s, userID, m.now().Round(0)), nil
}

// call counts a call that begins now.
func (u *userState) call(rules Rules, now, until time.Time) {
	u.calls = rules.push(u.calls, now.UnixMilli())
	u.leaseUntil = until.UnixMilli()
	u.until = until.Add(rules.keeps())
}

// store replaces a user's result. nil forgets it.
func (m *Memory) store(u *userState, text []byte) {
	m.stored += len(text) - len(u.result)
	u.result = text
}

// forget forgets a user.
func (m *Memory) forget(userID string) {
	m.store(m.users[userID], nil)
	delete(m.users, userID)
}

// drop forgets users and results that no longer matter, once a minute. If there are too many, it also forgets
// any results, and any users without a lease.
func (m *Memory) drop(now time.Time) {
	if !now.Before(m.sweep) {
		for id, u := range m.users {
			if u.until.Before(now) {
				m.forget(id)
			} else if u.resultAt < now.Add(-m.rules.keepsResult()).UnixMilli() {
				m.store(u, nil)
			}
		}
		m.sweep = now.Add(time.Minute)
	}
	if m.stored > maxResults {
		for _, u := range m.users {
			if m.stored <= maxResults/2 {
				break
			}
			m.store(u, nil)
		}
	}
	for id, u := range m.users {
		if len(m.users) < maxUsers {
			return
		}
		if u.leaseUntil <= now.UnixMilli() {
			m.forget(id)
		}
	}
}

// memoryLease implements refresh.Lease.
type memoryLease struct {
	*Memory
	userID string
}

// held returns the lease's user if the lease is still the current one, else nil. mu is locked.
func (l *memoryLease) held() *userState {
	if u := l.users[l.userID]; u != nil && u.lease == l && u.leaseUntil > 0 {
		return u
	}
	return nil
}

// Again implements refresh.Lease.
func (l *memoryLease) Again(_ context.Context, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Round(0)
	u := l.held()
	if u == nil || l.rules.opens(u.state, now.UnixMilli()) > now.UnixMilli() {
		return false, nil
	}
	u.call(l.rules, now, until)
	return true, nil
}

// Done implements refresh.Lease.
func (l *memoryLease) Done(_ context.Context, out result.Result, calls []refresh.Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Round(0)
	u := l.held()
	if u == nil {
		return nil
	}
	u.leaseUntil = 0
	for _, i := range notSent(calls) { // the highest index first
		if i < len(u.calls) {
			u.calls = slices.Delete(u.calls, i, i+1)
		}
	}
	if text := l.rules.encode(out); text != nil {
		l.store(u, text)
		u.resultAt, u.resultOf = now.UnixMilli(), out.RequestID
	}
	if closed := l.rules.closes(out, now); closed > 0 {
		u.closedUntil = closed
	}
	u.until = time.UnixMilli(max(u.until.UnixMilli(), now.Add(l.rules.keeps()).UnixMilli(), u.closedUntil))
	return nil
}
