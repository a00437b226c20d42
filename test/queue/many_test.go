package queue

import (
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestEntriesThatSQSRejectsAreSentAgain(t *testing.T) {
	t.Parallel()
	const users = 25
	f := harness.New(t, harness.WithQueue(junctiontest.WithGeneratedUsers(users), junctiontest.WithGeneratedSources(func(int) []junctiontest.Source {
		return []junctiontest.Source{{Name: "withings/body"}}
	})))
	f.AWS.Inject("SendMessageBatch", 3, harness.RejectEntries(func(index int, _ string) string {
		return map[int]string{1: "InternalError", 3: "ServiceUnavailable"}[index]
	}))
	got := harness.Decode[summary](t, f.Invoke(t, string(harness.Encode(t, map[string]any{
		"user_ids": harness.GeneratedUserIDs(users), "timeout": 7, "note": harness.Marker,
	}))))
	if got.Status != "queued" || got.Summary.Users != users || got.Summary.Queued != users || got.Results == nil || len(got.Results) != 0 {
		t.Errorf("the answer is %+v", got)
	}
	sent := 0
	for _, call := range f.AWS.Calls("SendMessageBatch") {
		sent += len(call.Entries(t))
	}
	if want := users + 3*2; sent != want {
		t.Errorf("%d entries were sent, want %d: each once, and 2 of each of the 3 calls again", sent, want)
	}
	checkQueueAndCalls(t, f, users, 0)
	f.Consume(t, 10)
	completed := map[string]bool{}
	for _, result := range f.AWS.Published(t, users) {
		completed[result.UserID] = result.Status == "completed" && result.Timeout == 7
	}
	for _, id := range harness.GeneratedUserIDs(users) {
		if !completed[id] {
			t.Errorf("user %s has no completed result with a timeout of 7 s", id)
		}
		checkRefreshed(t, f, id, 1)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
}

func TestManyUsersBecomeOneMessageEach(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(junctiontest.WithGeneratedUsers(4)))
	two := func(first int) string { return string(harness.Encode(t, harness.GeneratedUserIDs(4)[first:first+2])) }
	webhook := f.PostHTTPAPI(t, "/webhooks", respondAsync, `{"user_ids":`+two(0)+`}`)
	got := harness.Decode[summary](t, []byte(webhook.Body))
	if webhook.Status != http.StatusAccepted || webhook.Header.Get("Preference-Applied") != "respond-async" || got.Status != "queued" || got.Summary.Queued != 2 {
		t.Errorf("the webhook is answered %+v", webhook)
	}
	// An event from the bus, and an app's own message. User 2 is in both: two messages.
	f.AWS.PutEvent(t, "my.app", "Junction User Refresh Requested", `{"user_ids":`+two(2)+`}`)
	f.AWS.SendMessages(t, `{"user_ids":`+two(1)+`,"timeout":9}`)
	from, _ := f.Consume(t, 10)
	published := map[string]int{}
	for _, result := range f.AWS.Published(t, 6) {
		published[result.UserID]++
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
	if n, want := len(from.Received()), 2+1+2+1+2; n != want {
		t.Errorf("%d messages were received, want %d", n, want)
	}
	for i, want := range []int{1, 2, 2, 1} {
		id := junctiontest.GeneratedUserID(i)
		if published[id] != want {
			t.Errorf("user %d has %d results, want %d", i, published[id], want)
		}
		checkRefreshed(t, f, id, want)
	}
}

func TestWebhookForAllUsersCanBeRetriedIfListingFails(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(junctiontest.WithGeneratedUsers(600)), harness.WithCallers(),
		harness.WithEnv(map[string]string{"MAX_ATTEMPTS": "1", "CALLER_AUTH": "signature"}))
	body := `{"all_users":true}`
	header := harness.SignedHeader(t, "Webhook-", harness.WebhookSecret, time.Now(), body)
	f.Simulator.Inject(1, junctiontest.Status(http.StatusServiceUnavailable))
	if result := f.PostHTTPAPI(t, "/webhooks", header, body).Result(t, http.StatusServiceUnavailable); result.ErrorCode != "upstream_unavailable" {
		t.Errorf("error code is %q", result.ErrorCode)
	}
	accepted := f.PostHTTPAPI(t, "/webhooks", header, body)
	if got := harness.Decode[summary](t, []byte(accepted.Body)); accepted.Status != http.StatusAccepted || got.Summary.Pages != 2 {
		t.Errorf("the answer is %+v", accepted)
	}
	again := f.PostHTTPAPI(t, "/webhooks", header, body)
	if again.Body != accepted.Body {
		t.Errorf("the answer to the second delivery is %+v", again)
	}
	if n := f.AWS.Waiting(t, f.AWS.Refreshes); n != 2 {
		t.Errorf("%d messages are on the queue, want 2", n)
	}
}
