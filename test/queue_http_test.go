package test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const completedPath = "/v2/user/refresh/" + junctiontest.CompletedUserID

var prefersAsync = http.Header{"Prefer": {"respond-async"}}

// queuedResult is an answer that says that a refresh is on the queue.
func queuedResult(t *testing.T, got knocked) (requestID string) {
	t.Helper()
	if got.status != http.StatusAccepted {
		t.Fatalf("the answer is %+v", got)
	}
	one := readResult(t, []byte(got.body))
	if !one.Success || one.Status != "queued" || one.Attempts != 0 || one.UserID != junctiontest.CompletedUserID {
		t.Errorf("the answer is %s", got.body)
	}
	requestID = decode[struct {
		RequestID string `json:"request_id"`
	}](t, []byte(got.body)).RequestID
	if requestID == "" {
		t.Errorf("the answer has no request ID: %s", got.body)
	}
	return requestID
}

func TestARefreshThatIsNotWaitedForIsQueuedAndItsResultComesByTheBus(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil)
	got := w.post(t, completedPath+"?timeout=20", prefersAsync, marker)
	requestID := queuedResult(t, got)
	if got.header["Preference-Applied"] != "respond-async" {
		t.Errorf("the header is %v", got.header)
	}
	if calls := w.junction.Total(); calls != 0 {
		t.Errorf("Junction was called %d times before the answer", calls)
	}
	from, _ := w.work(t, 10)
	all := w.published(t, 1)
	w.empty(t)

	message := decode[document](t, []byte(from.received[0].Body))
	if message.UserID != junctiontest.CompletedUserID || message.Timeout == nil || *message.Timeout != 20 ||
		message.Trigger != "http-api" || message.RequestID != requestID {
		t.Errorf("the message is %s", from.received[0].Body)
	}
	if one := all[0]; one.Status != "completed" || one.Attempts != 1 || one.Timeout != 20 || one.RequestID != requestID {
		t.Errorf("the result is %s", one.Detail)
	}
	lines := w.logged(t, "refresh")
	if len(lines) != 2 || lines[0]["status"] != "queued" || lines[1]["trigger"] != "sqs" || lines[1]["queued_by"] != "http-api" ||
		lines[1]["request_id"] != requestID {
		t.Errorf("the log says %v", lines)
	}
}

func TestWhatAnHTTPCallerWaitsForIsNeitherQueuedNorPublished(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil)
	for says, header := range map[string]http.Header{"no preference": {}, "another preference": {"Prefer": {"wait=10"}}} {
		got := w.post(t, completedPath, header, "")
		if one := readResult(t, []byte(got.body)); got.status != 200 || one.Status != "completed" || got.header["Preference-Applied"] != "" {
			t.Errorf("%s: %+v", says, got)
		}
	}
	ignored := w.post(t, "/webhooks", http.Header{}, ignoredBody)
	if one := readResult(t, []byte(ignored.body)); ignored.status != 200 || one.Status != "ignored" {
		t.Errorf("a webhook that refreshes nobody is answered %+v", ignored)
	}
	queuedResult(t, w.post(t, completedPath, prefersAsync, ""))
	if puts := w.sent("PutEvents"); len(puts) != 0 {
		t.Errorf("published: %s", puts[0].body)
	}
	if n := w.waiting(t, w.refreshes); n != 1 || w.junction.Total() != 2 {
		t.Errorf("%d messages and %d calls", n, w.junction.Total())
	}
}

func TestAWebhookIsQueuedOnceHoweverOftenItIsDelivered(t *testing.T) {
	t.Parallel()
	w := newWorker(t, map[string]string{"CALLER_AUTH": "signature,token"})
	body := `{"event_type":"provider.connection.created","team_id":"` + junctiontest.TeamID + `","user_id":"` + junctiontest.CompletedUserID + `","data":{"note":"` + marker + `"}}`
	header := signedHeader(t, "Svix-", callerSecret, time.Now(), body)
	first := w.post(t, "/webhooks", header, body)
	requestID := queuedResult(t, first)
	if first.header["Preference-Applied"] != "" {
		t.Errorf("nobody asked for it: %v", first.header)
	}
	if again := w.post(t, "/webhooks", header, body); again.body != first.body || again.status != first.status {
		t.Errorf("the second delivery is answered %+v, the first %+v", again, first)
	}
	header.Set("Svix-Signature", "v1,"+strings.Repeat("A", 43)+"=")
	if forged := w.post(t, "/webhooks", header, body); forged.status != http.StatusUnauthorized {
		t.Errorf("a forged delivery is answered %+v", forged)
	}
	if n := len(w.sent("SendMessageBatch")); n != 1 {
		t.Errorf("%d calls of SendMessageBatch", n)
	}
	w.work(t, 10)
	if one := w.published(t, 1)[0]; one.Status != "completed" || one.RequestID != requestID {
		t.Errorf("the result is %s", one.Detail)
	}
	w.empty(t)
	if calls := w.junction.Calls(junctiontest.CompletedUserID); calls != 1 {
		t.Errorf("Junction was called %d times", calls)
	}
}

func TestADeliveryThatCouldNotBeQueuedIsRefusedAndItsNextTryWorks(t *testing.T) {
	t.Parallel()
	w := newWorker(t, map[string]string{"CALLER_AUTH": "signature,token"})
	body := `{"user_id":"` + junctiontest.CompletedUserID + `","note":"` + marker + `"}`
	header := signedHeader(t, "Webhook-", callerSecret, time.Now(), body)
	for says, fault := range map[string]junctiontest.Fault{
		"SQS is down":                 junctiontest.Status(http.StatusInternalServerError),
		"SQS breaks connections off":  junctiontest.ResetConnection(),
		"SQS takes none of the batch": refuseEntries(func(int, string) string { return "InternalError" }),
		"SQS refuses what is sent":    refuseEntries(func(int, string) string { return "InvalidMessageContents" }),
	} {
		w.inject("SendMessageBatch", junctiontest.Always, fault)
		got := w.post(t, "/webhooks", header, body)
		if one := readResult(t, []byte(got.body)); got.status != http.StatusServiceUnavailable || one.ErrorCode != "queue_failed" {
			t.Errorf("%s: the answer is %+v", says, got)
		}
		w.relent("SendMessageBatch")
	}
	if n := w.waiting(t, w.refreshes); n != 0 {
		t.Fatalf("%d messages are on the queue", n)
	}
	queuedResult(t, w.post(t, "/webhooks", header, body))
	if n := w.waiting(t, w.refreshes); n != 1 || w.junction.Total() != 0 {
		t.Errorf("%d messages and %d calls", n, w.junction.Total())
	}
}
