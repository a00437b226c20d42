package test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// many is the answer to a document with many users that was queued.
type many struct {
	Status  string
	Summary struct{ Users, Queued, Pages int }
	Results []json.RawMessage
}

func generated(n int) []string {
	ids := make([]string, 0, n)
	for i := range n {
		ids = append(ids, junctiontest.GeneratedUserID(i))
	}
	return ids
}

func TestManyUsersAreOneMessageEachThoughSQSRefusesSomeAtFirst(t *testing.T) {
	t.Parallel()
	const users = 25
	w := newWorker(t, nil, junctiontest.WithGeneratedUsers(users), junctiontest.WithGeneratedSources(func(int) []junctiontest.Source {
		return []junctiontest.Source{{Name: "withings/body"}}
	}))
	w.inject("SendMessageBatch", 3, refuseEntries(func(place int, _ string) string {
		return map[int]string{1: "InternalError", 3: "ServiceUnavailable"}[place]
	}))
	got := decode[many](t, w.direct(t, string(encode(t, map[string]any{"user_ids": generated(users), "timeout": 7, "note": marker}))))
	if got.Status != "queued" || got.Summary.Users != users || got.Summary.Queued != users || got.Results == nil || len(got.Results) != 0 {
		t.Errorf("the answer is %+v", got)
	}
	sent := 0
	for _, call := range w.sent("SendMessageBatch") {
		sent += len(call.entries(t))
	}
	if sent != users+3*2 {
		t.Errorf("%d entries were sent, want %d, and 2 of each of the 3 calls again", sent, users)
	}
	if n := w.waiting(t, w.refreshes); n != users || w.junction.Total() != 0 {
		t.Errorf("%d messages and %d calls", n, w.junction.Total())
	}
	w.work(t, 10)
	seen := map[string]bool{}
	for _, one := range w.published(t, users) {
		seen[one.UserID] = one.Status == "completed" && one.Timeout == 7
	}
	for _, id := range generated(users) {
		if !seen[id] || w.junction.Calls(id) != 1 {
			t.Errorf("user %s: %t, %d calls", id, seen[id], w.junction.Calls(id))
		}
	}
	w.empty(t)
}

func TestAMessageOrAWebhookWithManyUsersIsSpreadOverTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil, junctiontest.WithGeneratedUsers(4))
	ids := func(from int) string { return string(encode(t, generated(4)[from:from+2])) }
	hook := w.post(t, "/webhooks", prefersAsync, `{"user_ids":`+ids(0)+`}`)
	got := decode[many](t, []byte(hook.body))
	if hook.status != http.StatusAccepted || hook.header["Preference-Applied"] != "respond-async" || got.Status != "queued" || got.Summary.Queued != 2 {
		t.Errorf("the webhook is answered %+v", hook)
	}
	// An app's message, and before it an event that came by the bus. One user is in both: two messages.
	w.put(t, "my.app", "Junction User Refresh Requested", `{"user_ids":`+ids(2)+`}`)
	w.send(t, `{"user_ids":`+ids(1)+`,"timeout":9}`)
	from, _ := w.work(t, 10)
	all := w.published(t, 6)
	w.empty(t)
	if len(from.received) != 2+1+2+1+2 {
		t.Errorf("%d messages were received", len(from.received))
	}
	for i, want := range []int{1, 2, 2, 1} {
		n := 0
		for _, one := range all {
			if one.UserID == junctiontest.GeneratedUserID(i) {
				n++
			}
		}
		if n != want || w.junction.Calls(junctiontest.GeneratedUserID(i)) != want {
			t.Errorf("user %d has %d results and %d calls", i, n, w.junction.Calls(junctiontest.GeneratedUserID(i)))
		}
	}
}

func TestAWebhookForAllUsersThatJunctionDoesNotListIsRefusedAndItsNextTryWorks(t *testing.T) {
	t.Parallel()
	w := newWorker(t, map[string]string{"MAX_ATTEMPTS": "1", "CALLER_AUTH": "signature"}, junctiontest.WithGeneratedUsers(600))
	body := `{"all_users":true}`
	header := signedHeader(t, "Webhook-", callerSecret, time.Now(), body)
	w.junction.Inject(1, junctiontest.Status(http.StatusServiceUnavailable))
	refused := w.post(t, "/webhooks", header, body)
	if one := readResult(t, []byte(refused.body)); refused.status != http.StatusServiceUnavailable || one.ErrorCode != "upstream_unavailable" {
		t.Errorf("the answer is %+v", refused)
	}
	taken := w.post(t, "/webhooks", header, body)
	if got := decode[many](t, []byte(taken.body)); taken.status != http.StatusAccepted || got.Summary.Pages != 2 || w.waiting(t, w.refreshes) != 2 {
		t.Errorf("the answer is %+v", taken)
	}
	if again := w.post(t, "/webhooks", header, body); again.body != taken.body || w.waiting(t, w.refreshes) != 2 {
		t.Errorf("the answer is %+v", again)
	}
}

func TestEveryConnectedUserIsRefreshedOnceWhateverBefallsThePages(t *testing.T) {
	t.Parallel()
	const users, repeated, pages = 2400, 40, 5
	connected := func(index int) bool { return index%10 != 9 }
	w := newWorker(t, map[string]string{"MAX_ATTEMPTS": "1", "QUOTA_LIMIT": "8", "COALESCE_WINDOW": "10m"},
		junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(users), junctiontest.WithRepeatedUsers(repeated))
	w.hide(t, w.refreshes, 4*time.Second) // longer than an invocation takes here
	lists := func(offset string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.URL.Path == "/v2/user" && r.URL.Query().Get("offset") == offset }
	}
	// The first hop: as many messages as there are pages.
	got := decode[many](t, w.direct(t, `{"all_users":true,"timeout":6}`))
	if got.Status != "queued" || got.Summary.Users != users+repeated || got.Summary.Pages != pages || w.waiting(t, w.refreshes) != pages {
		t.Errorf("the answer is %+v, with %d messages", got, w.waiting(t, w.refreshes))
	}
	// The second: of one page Junction does not give the list, of another SQS takes a part.
	w.junction.InjectWhen(lists("500"), 1, junctiontest.Status(http.StatusServiceUnavailable))
	w.inject("SendMessageBatch", 1, refuseEntries(func(place int, _ string) string { return map[int]string{3: "InvalidMessageContents"}[place] }))
	from, stop := w.work(t, 100)
	eventually(t, 40*time.Second, "every connected user is refreshed, and the queue is empty", func() bool {
		if w.waiting(t, w.refreshes) > 0 {
			return false
		}
		for i := range users {
			if connected(i) && w.junction.Calls(junctiontest.GeneratedUserID(i)) == 0 {
				return false
			}
		}
		return true
	})
	stop()
	for i := range users {
		if calls := w.junction.Calls(junctiontest.GeneratedUserID(i)); connected(i) && calls != 1 || !connected(i) && calls != 0 {
			t.Errorf("user %d was refreshed %d times", i, calls)
		}
	}
	// The third hop is the last.
	asked := map[int]int{} // by offset
	for _, r := range from.received {
		if d := decode[document](t, []byte(r.Body)); d.AllUsers {
			asked[*d.Offset]++
			if d.Limit != 500 || d.Timeout == nil || *d.Timeout != 6 || d.Trigger != "direct" || d.RequestID == "" {
				t.Errorf("a page is asked for by %s", r.Body)
			}
		}
	}
	if len(asked) != pages || asked[500] != 2 || asked[0]+asked[1000]+asked[1500]+asked[2000] != 4+1 {
		t.Errorf("the pages were received so often: %v", asked)
	}
	for _, line := range strings.Split(w.output(), "\n") {
		if strings.Contains(line, "generated-user-") {
			t.Fatalf("the log has an app's user ID: %s", line)
		}
	}
}
