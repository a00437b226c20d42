package test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// account is what became of the users of a soak.
type account struct {
	results map[string][]published // by user
	dead    map[string]int
}

func (s *soak) account(t *testing.T) account {
	t.Helper()
	a := account{map[string][]published{}, map[string]int{}}
	for _, one := range s.published(t, s.waiting(t, s.results)) {
		if one.UserID != junctiontest.UnknownUserID { // newFleet's
			a.results[one.UserID] = append(a.results[one.UserID], one)
		}
	}
	for _, m := range s.drain(t, s.dead, s.waiting(t, s.dead)) {
		a.dead[decode[document](t, []byte(m.Body)).UserID]++
	}
	return a
}

func TestNoQueuedRefreshIsLostThoughWorkersAreKilledAndEverythingFailsAtTimes(t *testing.T) {
	s := newSoak(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.fail()
	requests := s.enqueue(t)
	began := time.Now()
	var unrest sync.WaitGroup
	unrest.Go(func() { s.unrest(ctx, t) })
	s.workOff(ctx, t, time.Duration(s.users)*50*time.Millisecond+time.Minute)
	took := time.Since(began)
	stop()
	unrest.Wait()

	a := s.account(t)
	reasons := map[string]int{} // of the dead letters, by what was logged of them
	var once, again, refreshed, both, lost, twiceDead, mostCalls int
	statuses := map[string]int{}
	ungated, reason := map[string]bool{}, map[string]string{}
	for _, line := range s.logged() {
		if line.ErrorCode != "" {
			reason[line.UserID] = line.ErrorCode
		}
		if line.QuotaError != "" {
			ungated[line.UserID] = true
		}
	}
	for i, user := range generated(s.users) {
		results := a.results[user]
		switch {
		case len(results) == 0 && a.dead[user] == 0:
			if lost++; lost < 5 {
				t.Errorf("user %d (%s) is lost", i, user)
			}
		case len(results) > 0 && a.dead[user] > 0:
			both++
		case len(results) == 1:
			once++
		}
		if a.dead[user] > 0 {
			reasons[reason[user]]++
		}
		if a.dead[user] > 1 {
			twiceDead++
		}
		if len(results) > 1 {
			again++
		}
		made := 0
		for _, one := range results {
			if one.Success && !one.Coalesced {
				made++
			}
			statuses[one.Status+" "+one.ErrorCode]++
			if one.RequestID != requests[user] {
				t.Errorf("user %d was queued by request %s, and has a result of %s", i, requests[user], one.RequestID)
			}
		}
		if made > 1 {
			refreshed++
		}
		calls := s.fleet.junction.Calls(user)
		mostCalls = max(mostCalls, calls)
		if calls > quotaLimit && !ungated[user] {
			t.Errorf("user %d was refreshed %d times", i, calls)
		}
		if i < stubborn && (a.dead[user] != 1 || len(results) > 0) {
			t.Errorf("user %d, whom Junction never refreshes, has %d results and %d dead letters", i, len(results), a.dead[user])
		}
	}
	t.Logf("queued %d, worked off in %v with %d kills and %d outages of Secrets Manager\n"+
		"published once: %d; more than once: %d (refreshed more than once: %d); results: %v\n"+
		"on the dead-letter queue: %d %v, of which published too: %d; lost: %d\n"+
		"most calls for a user: %d; users whom the table was not asked for in time: %d",
		s.users, took.Round(time.Second), s.kills.Load(), s.outages.Load(), once, again, refreshed, statuses, len(a.dead), reasons, both, lost, mostCalls, len(ungated))
	if lost > 0 || twiceDead > 0 {
		t.Errorf("%d users are lost, %d are on the dead-letter queue twice", lost, twiceDead)
	}
	if s.kills.Load() == 0 || len(a.dead) < stubborn {
		t.Errorf("%d kills and %d dead letters show nothing", s.kills.Load(), len(a.dead))
	}
	for _, m := range s.members {
		for _, p := range append([]*process{m.process}, m.dead...) {
			if p != nil && strings.Contains(p.stderr.String(), teamKey) {
				t.Error("the key is in a log")
			}
		}
	}
}
