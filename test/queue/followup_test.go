package queue

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// speed divides the simulator's waits: Junction waits half a second for sources when it is asked to wait for 5 s, and a
// source that takes 20 s ends after two.
const speed = 10

// slowSources end at different times, all of them after Junction has answered, but for the first. One fails.
var slowSources = []junctiontest.Source{
	{Name: "withings/body"},
	{Name: "withings/vitals/blood_pressure", Takes: 15 * time.Second},
	{Name: "oura/sleep", Takes: 20 * time.Second},
}

// newFollowing starts a function that looks every second at sources that are still running, five times at most.
func newFollowing(t *testing.T, with ...harness.Option) *harness.Function {
	t.Helper()
	return harness.New(t, append([]harness.Option{
		harness.WithQueue(junctiontest.WithSpeed(speed), junctiontest.WithGeneratedUsers(6), junctiontest.WithGeneratedSources(func(int) []junctiontest.Source { return slowSources })),
		harness.WithTable(), harness.WithEnv(map[string]string{"FOLLOW_UP": "1s,1s,1s,1s,1s"}),
	}, with...)...)
}

// ending is what is published of a refresh.
type ending struct {
	Status    string
	Final     bool
	Sources   map[string]string // their states
	Attempts  int
	RequestID string
}

func endingOf(r harness.Result) ending {
	states := map[string]string{}
	for _, source := range r.Sources {
		states[source.Provider+"/"+source.Resource] = source.State
	}
	return ending{r.Status, r.Final, states, r.Attempts, r.RequestID}
}

var (
	beginning = map[string]string{"withings/body": "refreshed", "withings/vitals/blood_pressure": "in_progress", "oura/sleep": "in_progress"}
	completed = map[string]string{"withings/body": "refreshed", "withings/vitals/blood_pressure": "refreshed", "oura/sleep": "refreshed"}
)

func TestInProgressRefreshEndsInOneFinalResult(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	f.Consume(t, 10)
	const eventID = "3f6c1b0a-5b7e-4d9e-9a55-6f0b8f1f2c11"
	for i, test := range []struct {
		name      string
		ask       func(t *testing.T, user string) (requestID string)
		published bool // what Junction answered is published too, and not only returned
	}{
		{"a caller that waits", func(t *testing.T, user string) string {
			t.Helper()
			got := f.PostHTTPAPI(t, harness.RefreshPath(user)+"?timeout=5", nil, "").Result(t, http.StatusAccepted)
			if diff := cmp.Diff(ending{"in_progress", false, beginning, 1, got.RequestID}, endingOf(got)); diff != "" {
				t.Errorf("the answer (-want +got):\n%s", diff)
			}
			return got.RequestID
		}, false},
		{"a caller that does not wait", func(t *testing.T, user string) string {
			t.Helper()
			got := f.PostHTTPAPI(t, harness.RefreshPath(user)+"?timeout=5", respondAsync, "").Result(t, http.StatusAccepted)
			if got.Status != "queued" || got.Final {
				t.Errorf("status %q, final %t", got.Status, got.Final)
			}
			return got.RequestID
		}, true},
		{"a message with a request ID", func(t *testing.T, user string) string {
			t.Helper()
			f.AWS.SendMessages(t, `{"user_id":"`+user+`","timeout":5,"request_id":"order-1"}`)
			return "order-1"
		}, true},
		{"a direct call", func(t *testing.T, user string) string {
			t.Helper()
			return harness.ReadResult(t, f.Invoke(t, refreshOf(user))).RequestID
		}, true},
		{"an event", func(t *testing.T, user string) string {
			t.Helper()
			f.Invoke(t, `{"version":"0","id":"`+eventID+`","source":"my.app","detail-type":"Wanted","detail":`+refreshOf(user)+`}`)
			return eventID
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			user := junctiontest.GeneratedUserID(i)
			requestID := test.ask(t, user)
			want := []ending{{"completed", true, completed, 1, requestID}}
			if test.published {
				want = slices.Insert(want, 0, ending{"in_progress", false, beginning, 1, requestID})
			}
			var got []ending
			for _, r := range f.AWS.Published(t, len(want)) {
				got = append(got, endingOf(r))
			}
			slices.SortFunc(got, func(a, b ending) int { return len(b.Status) - len(a.Status) }) // in_progress first
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the published results (-want +got):\n%s", diff)
			}
			checkRefreshed(t, f, user, 1)
			if looks := f.Simulator.Count(junctiontest.IntrospectCall, user); looks < 1 || looks > 5 {
				t.Errorf("Junction was asked %d times what became of it", looks)
			}
			state := f.Get(t, harness.RefreshPath(user), nil).State(t)
			if last := state.Last(t); last == nil || last.Status != "completed" || state.CallsInWindow != 1 {
				t.Errorf("%d calls are known, and the stored result is %+v", state.CallsInWindow, last)
			}
		})
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
}

func TestFollowUpEndsIfSourcesDoNot(t *testing.T) {
	t.Parallel()
	f := newFollowing(t, harness.WithEnv(map[string]string{"FOLLOW_UP": "1s,1s"}))
	user := junctiontest.CompletedUserID
	f.Simulator.AddUser(junctiontest.User{ID: user, ClientUserID: junctiontest.CompletedClientUserID, Broken: map[string]string{"oura": "token_refresh_failed"}, Sources: []junctiontest.Source{
		{Name: "withings/body", Takes: junctiontest.Never}, {Name: "oura/sleep", Takes: 8 * time.Second},
	}})
	f.Consume(t, 10)
	f.AWS.SendMessages(t, `{"client_user_id":"`+junctiontest.CompletedClientUserID+`","timeout":5}`)
	if first := f.AWS.Published(t, 1)[0]; first.Status != "in_progress" || first.Final {
		t.Errorf("the first result is %+v", first)
	}
	end := f.AWS.Published(t, 1)[0]
	want := []harness.SourceRow{
		{Provider: "oura", Resource: "sleep", State: "failed", Reconnect: true, Reason: "token_refresh_failed"},
		{Provider: "withings", Resource: "body", State: "in_progress"},
	}
	if diff := cmp.Diff(want, end.Sources); diff != "" || end.Status != "in_progress" || !end.Final || end.ClientUserID != junctiontest.CompletedClientUserID {
		t.Errorf("status %q, final %t, client_user_id %q; sources (-want +got):\n%s", end.Status, end.Final, end.ClientUserID, diff)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
	checkRefreshed(t, f, user, 1)
	if looks := f.Simulator.Count(junctiontest.IntrospectCall, user); looks != 2 {
		t.Errorf("Junction was asked %d times what became of it, want 2", looks)
	}
}

func TestEndOfARefreshSurvivesAKilledWorker(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	user := junctiontest.GeneratedUserID(0)
	// The first look hangs until the worker is killed; the second is made by the next worker.
	f.Simulator.InjectWhen(junctiontest.On(junctiontest.IntrospectCall), 1, junctiontest.NeverAnswer())
	f.Consume(t, 10)
	f.AWS.SendMessages(t, `{"user_id":"`+user+`","timeout":5,"request_id":"order-1"}`)
	if first := f.AWS.Published(t, 1)[0]; first.Final || first.RequestID != "order-1" {
		t.Errorf("the first result is %+v", first)
	}
	looks := func() int { return f.Simulator.Count(junctiontest.IntrospectCall, user) }
	harness.Eventually(t, 20*time.Second, "the worker looks", func() bool { return looks() == 1 })
	f.Restart(t)
	end := endingOf(f.AWS.Published(t, 1)[0])
	if diff := cmp.Diff(ending{"completed", true, completed, 1, "order-1"}, end); diff != "" {
		t.Errorf("the end (-want +got):\n%s", diff)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
	checkRefreshed(t, f, user, 1)
}
