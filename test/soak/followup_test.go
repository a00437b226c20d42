package soak

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// How long the sources of users take, of whom the first is the quickest and the last the slowest.
const quickest, slowest = 5 * time.Second, 20 * time.Minute

// scale is how much faster everything is than in production.
type scale struct {
	users  int
	speed  float64         // of Junction
	pauses []time.Duration // FOLLOW_UP in this scale: the default is 18.5 min in all
}

func newScale() scale {
	if harness.Soaking() {
		return scale{users: 1000, speed: 40, pauses: []time.Duration{1 * time.Second, 2 * time.Second, 3 * time.Second, 8 * time.Second, 14 * time.Second}}
	}
	return scale{users: 200, speed: 120, pauses: []time.Duration{1 * time.Second, 1 * time.Second, 1 * time.Second, 2 * time.Second, 4 * time.Second}}
}

// takes returns how long the slowest source of a user takes.
func (s scale) takes(user int) time.Duration {
	return quickest + time.Duration(user)*(slowest-quickest)/time.Duration(s.users-1)
}

// followed is a fleet whose users have sources that outlast the refresh.
type followed struct {
	*soak
	scale

	mu        sync.Mutex
	disturbed map[string]bool // the users of whom a process had a message when it was killed
}

func newFollowed(t *testing.T) *followed {
	t.Helper()
	f := &followed{soak: &soak{}, scale: newScale(), disturbed: map[string]bool{}}
	// On a busy machine the table does not always answer in time, and no message may be received five times for that.
	f.size = size{users: f.scale.users, batchSize: 10, timeout: 8 * time.Second, visibility: 10 * time.Second, retryAfter: 4 * time.Second}
	f.onKilled = f.note
	f.Stack = harness.NewStack(t, f.visibility)
	var pauses []string
	for _, pause := range f.pauses {
		pauses = append(pauses, pause.String())
	}
	env := f.Environ()
	maps.Copy(env, map[string]string{"FOLLOW_UP": strings.Join(pauses, ","), "TIMEOUT_HEADROOM": "500ms"})
	f.Fleet = harness.NewFleet(t, f.timeout, env, junctiontest.WithSpeed(f.speed), junctiontest.WithGeneratedUsers(f.scale.users),
		junctiontest.WithGeneratedSources(func(user int) []junctiontest.Source {
			return []junctiontest.Source{
				{Name: "withings/body"}, {Name: "withings/sleep", Takes: f.takes(user) / 2, Fails: user%3 == 0},
				{Name: "oura/vitals/heart_rate", Takes: f.takes(user)},
			}
		}))
	return f
}

// note records the users of a batch whose process was killed.
func (f *followed) note(o sqstest.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range o.Messages {
		f.disturbed[subject(m.Body)] = true
	}
}

// subject is the user that a message or a result is about.
func subject(text string) string {
	var m struct {
		UserID   string `json:"user_id"`
		FollowUp struct {
			UserID string `json:"user_id"`
		} `json:"follow_up"`
	}
	_ = json.Unmarshal([]byte(text), &m)
	return m.UserID + m.FollowUp.UserID
}

func (f *followed) looks() int { return f.Junction.Count(junctiontest.IntrospectCall, "") }

// killLookers kills a process after every so many looks, whatever it is doing, and starts it again. It begins once
// every user has been refreshed: a process that is killed during a refresh makes that call again, which has nothing to do
// with following up.
func (f *followed) killLookers(ctx context.Context, t *testing.T, every int) {
	for f.published(t) < f.scale.users && ctx.Err() == nil {
		harness.Pause(ctx, 100*time.Millisecond)
	}
	for next := f.looks() + every; ctx.Err() == nil; harness.Pause(ctx, 2*time.Millisecond) {
		if f.looks() < next {
			continue
		}
		m := f.Members[rand.IntN(harness.Instances)]
		m.Kill()
		f.kills.Add(1)
		if err := m.Start(); err != nil {
			t.Error(err)
		}
		next = f.looks() + every
	}
}

// published counts the users of whom a result has been published, final or not.
func (f *followed) published(t *testing.T) int {
	t.Helper()
	users := map[string]bool{}
	for _, call := range f.Stack.Calls("PutEvents") {
		for _, entry := range call.Entries(t) {
			users[subject(harness.Decode[struct{ Detail string }](t, entry).Detail)] = true
		}
	}
	return len(users)
}

func TestEveryRefreshHasOneEnd(t *testing.T) {
	f := newFollowed(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	requests := f.enqueue(t)
	began := time.Now()
	var killing sync.WaitGroup
	killing.Go(func() { f.killLookers(ctx, t, f.scale.users/10) })
	f.consume(ctx, t, 3*time.Minute)
	took := time.Since(began)
	stop()
	killing.Wait()
	f.checkEnds(t, requests, took)
	t.Run("processes were killed during looks", func(t *testing.T) {
		if f.kills.Load() == 0 || len(f.disturbed) == 0 {
			t.Errorf("%d kills, %d users", f.kills.Load(), len(f.disturbed))
		}
	})
	t.Run("no message is a dead letter", func(t *testing.T) {
		if n := f.Waiting(t, f.DeadLetters); n > 0 {
			t.Errorf("%d are", n)
		}
	})
}

// checkEnds checks the results, the looks and the refreshes of each user.
func (f *followed) checkEnds(t *testing.T, requests map[string]string, took time.Duration) {
	t.Helper()
	results := map[string][]harness.Result{}
	for _, r := range f.Published(t, f.Waiting(t, f.Results)) {
		results[r.UserID] = append(results[r.UserID], r)
	}
	statuses, repeated, calls := map[string]int{}, 0, 0
	for i, id := range harness.GeneratedUserIDs(f.scale.users) {
		finals := slices.DeleteFunc(slices.Clone(results[id]), func(r harness.Result) bool { return !r.Final })
		if len(finals) == 0 || len(finals) > 1 && !f.disturbed[id] {
			t.Errorf("user %s has %d final results, want 1", id, len(finals))
		}
		for _, r := range results[id] {
			if r.RequestID != requests[id] {
				t.Errorf("user %s was queued by request %s, and has a result of %s", id, requests[id], r.RequestID)
			}
		}
		for _, r := range finals {
			statuses[r.Status]++
			if want, surely := f.ends(i); r.Status != want && (surely || r.Status != "in_progress") {
				t.Errorf("user %s ended as %q, want %q", id, r.Status, want)
			}
		}
		repeated += max(0, len(finals)-1)
		calls += f.Junction.Calls(id)
		if n := f.Junction.Calls(id); n != 1 {
			t.Errorf("user %s was refreshed %d times, want 1", id, n)
		}
		if n := f.Junction.Count(junctiontest.IntrospectCall, id); n > len(f.pauses) && !f.disturbed[id] {
			t.Errorf("user %s was looked at %d times, want at most %d", id, n, len(f.pauses))
		}
	}
	failures := map[string]int{}
	for _, line := range f.Logged() {
		failures[line.ErrorCode]++
	}
	delete(failures, "")
	delete(failures, "user_not_found") // NewFleet's
	t.Logf("%d users in %v with %d kills: %d refresh calls, %d looks; final results: %v, of which repeated after a kill: %d; retried: %v",
		f.scale.users, took.Round(time.Second), f.kills.Load(), calls, f.looks(), statuses, repeated, failures)
}

// ends returns the status of a user's final result, if every source has ended by the last look. Looks can only be late.
func (f *followed) ends(user int) (status string, surely bool) {
	var total time.Duration
	for _, pause := range f.pauses {
		total += pause
	}
	surely = time.Duration(float64(f.takes(user))/f.speed) <= total
	if user%3 == 0 {
		return "partial", surely
	}
	return "completed", surely
}
