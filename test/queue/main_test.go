// Package queue holds what happens to a refresh that nobody waits for: it is queued once, retried if that can help,
// published once, and a dead letter if it never succeeds.
package queue

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// completedPath refreshes a user of whom every source succeeds.
const completedPath = "/v2/user/refresh/" + junctiontest.CompletedUserID

// respondAsync are the headers of a caller that does not wait.
var respondAsync = http.Header{"Prefer": {"respond-async"}}

// refreshOf is a refresh document for a user, with a payload that must not be logged.
func refreshOf(user string) string {
	return `{"user_id":"` + user + `","timeout":5,"note":"` + harness.Marker + `"}`
}

// summary is the answer to a document with many users that was queued.
type summary struct {
	Status  string
	Summary struct{ Users, Queued, Pages int }
	Results []json.RawMessage
}

// checkQueued checks that an answer says that the completed user's refresh was queued, and returns its request ID.
func checkQueued(t *testing.T, got harness.Response) (requestID string) {
	t.Helper()
	result := got.Result(t, http.StatusAccepted)
	if !result.Success || result.Status != "queued" || result.Attempts != 0 || result.UserID != junctiontest.CompletedUserID {
		t.Errorf("the answer is %s", got.Body)
	}
	if result.RequestID == "" {
		t.Errorf("the answer has no request ID: %s", got.Body)
	}
	return result.RequestID
}

// checkQueueAndCalls checks how many messages are on the queue, and how often Junction was called.
func checkQueueAndCalls(t *testing.T, f *harness.Function, messages, calls int) {
	t.Helper()
	if n := f.AWS.Waiting(t, f.AWS.Refreshes); n != messages {
		t.Errorf("%d messages are on the queue, want %d", n, messages)
	}
	if n := f.Simulator.Total(); n != calls {
		t.Errorf("Junction was called %d times, want %d", n, calls)
	}
}

// checkRefreshed checks how often Junction was asked to refresh a user.
func checkRefreshed(t *testing.T, f *harness.Function, user string, times int) {
	t.Helper()
	if calls := f.Simulator.Calls(user); calls != times {
		t.Errorf("Junction was called %d times for user %s, want %d", calls, user, times)
	}
}

// checkPublishCalls checks how often PutEvents was called.
func checkPublishCalls(t *testing.T, f *harness.Function, times int) {
	t.Helper()
	if puts := f.AWS.Calls("PutEvents"); len(puts) != times {
		t.Errorf("PutEvents was called %d times, want %d", len(puts), times)
	}
}
