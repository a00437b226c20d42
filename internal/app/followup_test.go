package app_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// slowUser asks for the user whose sources take 45 s, and waits 10 s for them.
const slowUser = `{"user_id":"` + junctiontest.SlowUserID + `","timeout":10,"request_id":"request-7"}`

// skippingQueue is a queue whose delays pass at once: its clock, which is the simulator's, goes on instead.
type skippingQueue struct {
	*sqstest.Queue

	mu      sync.Mutex
	skipped time.Duration
	delays  []time.Duration
}

// Send implements handler.Queue.
func (q *skippingQueue) Send(ctx context.Context, messages []handler.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages = slices.Clone(messages)
	for i, m := range messages {
		q.delays = append(q.delays, m.Delay)
		q.skipped += m.Delay
		messages[i].Delay = 0
	}
	return q.Queue.Send(ctx, messages)
}

func (q *skippingQueue) now() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Now().Add(q.skipped)
}

// following returns the function with a queue and a bus, and with a Junction on the queue's clock.
func following(t *testing.T, environ ...string) (function, *skippingQueue, *bus) {
	t.Helper()
	q, b := &skippingQueue{Queue: sqstest.NewQueue(sqstest.QueueOptions{})}, &bus{}
	simulator := junctiontest.New(junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithClock(q.now))
	return startOn(t, simulator, app.Options{Queue: q, Bus: b}, environ...), q, b
}

// drain invokes the function with the queue's messages until there are none.
func (f function) drain(t *testing.T, q *skippingQueue) {
	t.Helper()
	mapping := sqstest.EventSourceMapping{Source: q, Function: f.Invoke}
	if err := mapping.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := q.Len(); n != 0 {
		t.Errorf("%d messages are left on the queue", n)
	}
}

// outcome is what a published result says of a refresh.
type outcome struct {
	Status    result.Status
	Final     bool
	RequestID string
	Refreshed []string
}

func TestARefreshIsFollowedToItsEnd(t *testing.T) {
	running := outcome{result.InProgress, false, "request-7", []string{}}
	ended := outcome{result.Completed, true, "request-7", []string{"garmin/activity", "garmin/sleep"}}
	for name, c := range map[string]struct {
		environ []string
		want    []outcome
		delays  []time.Duration // of the looks
	}{
		"after 30 s and another minute": {nil, []outcome{running, ended}, []time.Duration{30 * time.Second, time.Minute}},
		"after the pauses of FOLLOW_UP": {[]string{"FOLLOW_UP=50s"}, []outcome{running, ended}, []time.Duration{50 * time.Second}},
		"until the pauses are used up": {[]string{"FOLLOW_UP=7s,8s"},
			[]outcome{running, {result.InProgress, true, "request-7", []string{}}}, []time.Duration{7 * time.Second, 8 * time.Second}},
		"unless FOLLOW_UP is off": {[]string{"FOLLOW_UP=off"}, []outcome{{result.InProgress, true, "request-7", []string{}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, q, b := following(t, c.environ...)
			if err := q.Send(t.Context(), []handler.Message{{Body: slowUser}}); err != nil {
				t.Fatal(err)
			}
			f.drain(t, q)
			var got []outcome
			for _, out := range b.results {
				got = append(got, outcome{out.Status, out.Final, out.RequestID, out.RefreshedSources})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("other results are published (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.delays, q.delays[1:], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the looks have other delays (-want +got):\n%s", diff)
			}
			if looks := f.junction.Count(junctiontest.IntrospectCall, junctiontest.SlowUserID); looks != len(c.delays) {
				t.Errorf("%d looks at Junction, want %d", looks, len(c.delays))
			}
			f.wantCalls(t, junctiontest.SlowUserID, 1)
		})
	}
}

func TestTheEndOfARefreshIsWhatIsStored(t *testing.T) {
	f, q, _ := following(t)
	wantStatus(t, f.result(t, slowUser), result.InProgress)
	f.drain(t, q)
	got := f.result(t, slowUser)
	wantStatus(t, got, result.Completed)
	if !got.Coalesced || !got.Final {
		t.Errorf("coalesced is %t and final %t, want both", got.Coalesced, got.Final)
	}
	f.wantCalls(t, junctiontest.SlowUserID, 1)
}

func TestAFailedSourceIsExplainedUnlessThatIsOff(t *testing.T) {
	withings := result.Source{Provider: "withings", Resource: "body", State: result.StateRefreshed}
	for name, c := range map[string]struct {
		environ []string
		want    result.Source
		calls   int
	}{
		"on":  {nil, result.Source{Provider: "oura", Resource: "sleep", State: result.StateFailed, Reconnect: true, Reason: "token_refresh_failed"}, 1},
		"off": {[]string{"EXPLAIN_FAILURES=false"}, result.Source{Provider: "oura", Resource: "sleep", State: result.StateFailed}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, c.environ...)
			got := f.result(t, `{"user_id":"`+junctiontest.ReconnectUserID+`"}`)
			if diff := cmp.Diff([]result.Source{c.want, withings}, got.Sources); diff != "" {
				t.Errorf("other sources (-want +got):\n%s", diff)
			}
			if calls := f.junction.Count(junctiontest.ConnectionsCall, junctiontest.ReconnectUserID); calls != c.calls {
				t.Errorf("%d calls for the connections, want %d", calls, c.calls)
			}
		})
	}
}
