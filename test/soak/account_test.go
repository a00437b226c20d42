package soak

import (
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// quotaLimit is the default of QUOTA_LIMIT.
const quotaLimit = 8

// user is what became of a user's queued refresh.
type user struct {
	id            string
	unrefreshable bool   // Junction always fails
	requestID     string // under which the refresh was queued
	results       []harness.Result
	deadLetters   int
	calls         int    // of Junction
	reason        string // the latest error code in the log
	ungated       bool   // the table did not answer in time for one of the refreshes
}

// refreshes counts the results of refreshes that were made, rather than coalesced.
func (u user) refreshes() (n int) {
	for _, r := range u.results {
		if r.Success && !r.Coalesced {
			n++
		}
	}
	return n
}

// settle collects what became of each user: published results, dead letters, calls, and what was logged.
func (s *soak) settle(t *testing.T, requests map[string]string) []user {
	t.Helper()
	byID := map[string]*user{}
	users := make([]user, s.users)
	for i, id := range harness.GeneratedUserIDs(s.users) {
		users[i] = user{id: id, unrefreshable: i < unrefreshable, requestID: requests[id], calls: s.Junction.Calls(id)}
		byID[id] = &users[i]
	}
	find := func(id string) *user {
		if u := byID[id]; u != nil {
			return u
		}
		return &user{} // NewFleet's, which refreshes a user to open its connections
	}
	for _, r := range s.Published(t, s.Waiting(t, s.Results)) {
		u := find(r.UserID)
		u.results = append(u.results, r)
	}
	for _, m := range s.Drain(t, s.DeadLetters, s.Waiting(t, s.DeadLetters)) {
		find(harness.ReadMessage(t, m.Body).UserID).deadLetters++
	}
	for _, line := range s.Logged() {
		u := find(line.UserID)
		if line.ErrorCode != "" {
			u.reason = line.ErrorCode
		}
		u.ungated = u.ungated || line.QuotaError != ""
	}
	return users
}

func count(users []user, condition func(user) bool) (n int) {
	for _, u := range users {
		if condition(u) {
			n++
		}
	}
	return n
}

// report logs the account, which `make soak` prints.
func (s *soak) report(t *testing.T, users []user, took time.Duration) {
	t.Helper()
	statuses, reasons, mostCalls := map[string]int{}, map[string]int{}, 0
	for _, u := range users {
		for _, r := range u.results {
			statuses[r.Status+" "+r.ErrorCode]++
		}
		if u.deadLetters > 0 {
			reasons[u.reason]++
		}
		mostCalls = max(mostCalls, u.calls)
	}
	t.Logf("queued: %d; consumed in %v with %d kills and %d outages of Secrets Manager", s.users, took.Round(time.Second), s.kills.Load(), s.outages.Load())
	t.Logf("published once: %d; more than once: %d (refreshed more than once: %d); results: %v",
		count(users, func(u user) bool { return len(u.results) == 1 && u.deadLetters == 0 }),
		count(users, func(u user) bool { return len(u.results) > 1 }),
		count(users, func(u user) bool { return u.refreshes() > 1 }), statuses)
	t.Logf("dead letters: %d %v, of which published too: %d; lost: %d",
		count(users, func(u user) bool { return u.deadLetters > 0 }), reasons,
		count(users, func(u user) bool { return u.deadLetters > 0 && len(u.results) > 0 }), count(users, lost))
	t.Logf("most calls for a user: %d; users for whom the table did not answer in time: %d", mostCalls, count(users, func(u user) bool { return u.ungated }))
}

// lost reports whether a user has neither a result nor a dead letter.
func lost(u user) bool { return len(u.results) == 0 && u.deadLetters == 0 }

func checkNobodyIsLost(t *testing.T, users []user) {
	t.Helper()
	if n := count(users, lost); n > 0 {
		t.Errorf("%d users are lost", n)
	}
	for _, u := range users {
		if u.deadLetters > 1 {
			t.Errorf("user %s has %d dead letters", u.id, u.deadLetters)
		}
	}
}

func checkRequestIDs(t *testing.T, users []user) {
	t.Helper()
	for _, u := range users {
		for _, r := range u.results {
			if r.RequestID != u.requestID {
				t.Errorf("user %s was queued by request %s, and has a result of %s", u.id, u.requestID, r.RequestID)
			}
		}
	}
}

func checkQuota(t *testing.T, users []user) {
	t.Helper()
	for _, u := range users {
		if u.calls > quotaLimit && !u.ungated {
			t.Errorf("user %s was refreshed %d times, want at most %d", u.id, u.calls, quotaLimit)
		}
	}
}

func checkUnrefreshable(t *testing.T, users []user) {
	t.Helper()
	for _, u := range users {
		switch {
		case !u.unrefreshable:
		case u.refreshes() > 0:
			t.Errorf("user %s has %d results of a refresh, want 0", u.id, u.refreshes())
		case u.ungated: // a lease whose end could not be stored lets the next refresh be in progress
		case u.deadLetters != 1 || len(u.results) > 0:
			t.Errorf("user %s has %d results and %d dead letters, want 0 and 1", u.id, len(u.results), u.deadLetters)
		}
	}
}
