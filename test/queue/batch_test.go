package queue

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// The generated users of TestOnlyRetryableMessagesAreReturnedAsFailures, by what goes wrong for them.
var (
	limited     = junctiontest.GeneratedUserID(0)
	unavailable = junctiontest.GeneratedUserID(1)
	garbled     = junctiontest.GeneratedUserID(2)
	refused     = junctiontest.GeneratedUserID(3)
	unpublished = junctiontest.GeneratedUserID(4)
)

func TestOnlyRetryableMessagesAreReturnedAsFailures(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(junctiontest.WithGeneratedUsers(10)), harness.WithEnv(map[string]string{"MAX_ATTEMPTS": "1"}))
	f.Simulator.InjectFor(limited, junctiontest.Always, junctiontest.TooManyRequests(time.Hour))
	f.Simulator.InjectFor(unavailable, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	f.Simulator.InjectFor(garbled, junctiontest.Always, junctiontest.HTML(http.StatusOK))
	f.Simulator.InjectFor(refused, junctiontest.Always, junctiontest.Status(http.StatusUnauthorized))
	f.AWS.Inject("PutEvents", junctiontest.Always, harness.RejectEntries(func(_ int, entry string) string {
		if strings.Contains(entry, unpublished) {
			return "NotAuthorizedForSourceException" // not to be retried at once
		}
		return ""
	}))
	messages := []struct {
		name, body string
		retried    bool
		published  string // status and error code of the result; "" is none
	}{
		{"a refresh that succeeds", refreshOf(junctiontest.CompletedUserID), false, "completed"},
		{"a refresh that fails in part", refreshOf(junctiontest.DefaultUserID), false, "partial"},
		{"an unknown user", refreshOf(junctiontest.UnknownUserID), false, "failed user_not_found"},
		{"a user without sources", refreshOf(junctiontest.NoSourcesUserID), false, "failed no_connected_sources"},
		{"not JSON", harness.Marker, false, "failed invalid_request"},
		{"a webhook that refreshes nobody", harness.IgnoredWebhook, false, ""},
		{"a rate-limited user", refreshOf(limited), true, ""},
		{"a user for whom Junction is unavailable", refreshOf(unavailable), true, ""},
		{"a user for whom Junction's answer is not JSON", refreshOf(garbled), true, ""},
		{"a user for whom Junction refuses the key", refreshOf(refused), true, ""},
		{"a user whose result the bus rejects", refreshOf(unpublished), true, ""},
	}
	// One invocation for all: each message has its own outcome whatever becomes of its neighbours.
	var bodies []string
	published := map[string]int{}
	for _, m := range messages {
		bodies = append(bodies, m.body)
		if m.published != "" {
			published[m.published]++
		}
	}
	failed := harness.BatchItemFailures(t, f.Invoke(t, f.AWS.BatchEvent(bodies...)))
	for i, m := range messages {
		t.Run(m.name, func(t *testing.T) {
			if retried := slices.Contains(failed, harness.MessageID(i)); retried != m.retried {
				t.Errorf("retried is %t, want %t", retried, m.retried)
			}
		})
	}
	if len(failed) != 5 {
		t.Errorf("the failures are %q, want 5", failed)
	}
	t.Run("results", func(t *testing.T) {
		got := map[string]int{}
		for _, result := range f.AWS.Published(t, 5) {
			got[strings.TrimSpace(result.Status+" "+result.ErrorCode)]++
		}
		if diff := cmp.Diff(published, got); diff != "" {
			t.Errorf("the published results differ (-want +got):\n%s", diff)
		}
	})
	t.Run("delays", func(t *testing.T) { checkDelays(t, f) })
}

// checkDelays checks that the rate-limited message is delayed by an hour, and the unpublished result for as long as it
// is kept.
func checkDelays(t *testing.T, f *harness.Function) {
	t.Helper()
	calls := f.AWS.Calls("ChangeMessageVisibilityBatch")
	if len(calls) == 0 {
		t.Fatal("no message is delayed")
	}
	if diff := cmp.Diff([]int{15, 3600}, delays(t, calls[0])); diff != "" {
		t.Errorf("the delays in seconds differ (-want +got):\n%s", diff)
	}
	// This queue does not know the messages of the test, so the call fails, and the log says what follows.
	if lines := f.Logged(t, "messages could not be delayed; they are retried at the queue's visibility timeout"); len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Errorf("the log lines are %v", lines)
	}
}

// delays returns the delays of a call in seconds, sorted.
func delays(t *testing.T, call harness.Call) []int {
	t.Helper()
	var seconds []int
	for _, entry := range call.Entries(t) {
		seconds = append(seconds, harness.Decode[struct{ VisibilityTimeout int }](t, entry).VisibilityTimeout)
	}
	slices.Sort(seconds)
	return seconds
}

func TestRateLimitedMessageStaysHiddenUntilItCanSucceed(t *testing.T) {
	t.Parallel()
	const window = 4 * time.Second
	f := harness.New(t, harness.WithQueue(), harness.WithEnv(map[string]string{"QUOTA_LIMIT": "1", "QUOTA_WINDOW": window.String()}))
	f.AWS.SendMessages(t, refreshOf(junctiontest.CompletedUserID))
	from, _ := f.Consume(t, 10)
	if first := f.AWS.Published(t, 1)[0]; first.Status != "completed" {
		t.Fatalf("the first status is %q", first.Status)
	}
	f.AWS.SendMessages(t, refreshOf(junctiontest.CompletedUserID))
	if second := f.AWS.Published(t, 1)[0]; second.Status != "completed" {
		t.Errorf("the second status is %q", second.Status)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
	received := from.ReceivedFor(junctiontest.CompletedUserID)
	if len(received) != 3 {
		t.Fatalf("the two messages were received %d times, want 3", len(received))
	}
	// Hidden for what is left of the window, rather than for the queue's own second.
	calls := f.AWS.Calls("ChangeMessageVisibilityBatch")
	if len(calls) != 1 {
		t.Fatalf("ChangeMessageVisibilityBatch was called %d times, want 1", len(calls))
	}
	delay := time.Duration(delays(t, calls[0])[0]) * time.Second
	if delay <= harness.Visibility || delay > window+time.Second {
		t.Errorf("it is delayed by %v", delay)
	}
	if after := received[2].At.Sub(received[1].At); after < delay-100*time.Millisecond {
		t.Errorf("it was received again after %v, and was delayed by %v", after, delay)
	}
	checkRefreshed(t, f, junctiontest.CompletedUserID, 2)
}

func TestMessageThatAlwaysFailsBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int // of Junction
		code   string
	}{
		"Junction is unavailable":  {http.StatusServiceUnavailable, "upstream_unavailable"},
		"Junction refuses the key": {http.StatusUnauthorized, "upstream_unauthorized"}, // only an operator can fix it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkBecomesADeadLetter(t, test.status, test.code)
		})
	}
}

func checkBecomesADeadLetter(t *testing.T, status int, code string) {
	t.Helper()
	f := harness.New(t, harness.WithQueue(), harness.WithEnv(map[string]string{"MAX_ATTEMPTS": "1"}))
	f.Simulator.InjectFor(junctiontest.DefaultUserID, junctiontest.Always, junctiontest.Status(status))
	f.AWS.SendMessages(t, refreshOf(junctiontest.DefaultUserID), refreshOf(junctiontest.CompletedUserID))
	from, stop := f.Consume(t, 10)
	dead := f.AWS.Drain(t, f.AWS.DeadLetters, 1)
	stop()
	if message := harness.ReadMessage(t, dead[0].Body); message.UserID != junctiontest.DefaultUserID {
		t.Errorf("the dead letter is %s", dead[0].Body)
	}
	if n := len(from.ReceivedFor(junctiontest.DefaultUserID)); n != harness.MaxReceives {
		t.Errorf("it was received %d times, want %d", n, harness.MaxReceives)
	}
	checkRefreshed(t, f, junctiontest.DefaultUserID, harness.MaxReceives)
	if published := f.AWS.Published(t, 1)[0]; published.UserID != junctiontest.CompletedUserID {
		t.Errorf("the result is of user %s", published.UserID)
	}
	reasons := 0
	for _, line := range f.Logged(t, "refresh") {
		if line["user_id"] == junctiontest.DefaultUserID && line["error_code"] == code && line["upstream_status"] == float64(status) {
			reasons++
		}
	}
	if reasons != harness.MaxReceives {
		t.Errorf("the log has the reason %d times, want %d", reasons, harness.MaxReceives)
	}
}
