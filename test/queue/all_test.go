package queue

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestEveryConnectedUserIsRefreshedOnceThoughPagesFail(t *testing.T) {
	t.Parallel()
	const users, repeated, pages = 2400, 40, 5
	connected := func(index int) bool { return index%10 != 9 }
	f := harness.New(t, harness.WithQueue(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(users), junctiontest.WithRepeatedUsers(repeated)),
		harness.WithTimeout(30), harness.WithEnv(map[string]string{"MAX_ATTEMPTS": "1", "QUOTA_LIMIT": "8", "COALESCE_WINDOW": "10m"}))
	f.AWS.SetVisibilityTimeout(t, f.AWS.Refreshes, 4*time.Second) // longer than an invocation takes here

	// The first hop: one message per page.
	got := harness.Decode[summary](t, f.Invoke(t, `{"all_users":true,"timeout":6}`))
	if got.Status != "queued" || got.Summary.Users != users+repeated || got.Summary.Pages != pages {
		t.Errorf("the answer is %+v", got)
	}
	if n := f.AWS.Waiting(t, f.AWS.Refreshes); n != pages {
		t.Errorf("%d messages are on the queue, want %d", n, pages)
	}
	// The second: Junction does not list one page, and SQS rejects a part of another.
	f.Simulator.InjectWhen(listsFrom("500"), 1, junctiontest.Status(http.StatusServiceUnavailable))
	f.AWS.Inject("SendMessageBatch", 1, harness.RejectEntries(func(index int, _ string) string { return map[int]string{3: "InvalidMessageContents"}[index] }))
	from, stop := f.Consume(t, 100)
	harness.Eventually(t, 40*time.Second, "every connected user is refreshed, and the queue is empty", func() bool {
		if f.AWS.Waiting(t, f.AWS.Refreshes) > 0 {
			return false
		}
		for i := range users {
			if connected(i) && f.Simulator.Calls(junctiontest.GeneratedUserID(i)) == 0 {
				return false
			}
		}
		return true
	})
	stop()
	for i := range users {
		want := 0
		if connected(i) {
			want = 1
		}
		checkRefreshed(t, f, junctiontest.GeneratedUserID(i), want)
	}
	checkPages(t, from.Received())
	for line := range strings.Lines(f.Output()) {
		if strings.Contains(line, "generated-user-") {
			t.Fatalf("the log has an app's user ID: %s", line)
		}
	}
}

// listsFrom returns a condition: a request lists users from an offset on.
func listsFrom(offset string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == "/v2/user" && r.URL.Query().Get("offset") == offset }
}

// checkPages checks the messages that ask for a page: of five, the one that was not listed was received twice, and one
// of the four others, of which SQS rejected a part.
func checkPages(t *testing.T, received []harness.Receipt) {
	t.Helper()
	times := map[int]int{} // by offset
	for _, r := range received {
		message := harness.ReadMessage(t, r.Body)
		if !message.AllUsers {
			continue
		}
		times[*message.Offset]++
		want := document.Message{
			AllUsers: true, Offset: message.Offset, Limit: 500, Timeout: 6,
			Origin: document.Origin{Trigger: document.Direct, RequestID: message.RequestID},
		}
		if diff := cmp.Diff(want, message); diff != "" || message.RequestID == "" {
			t.Errorf("the message of a page is %s (-want +got):\n%s", r.Body, diff)
		}
	}
	if others := times[0] + times[1000] + times[1500] + times[2000]; len(times) != 5 || times[500] != 2 || others != 4+1 {
		t.Errorf("the pages were received, by offset: %v", times)
	}
}
