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

func TestRespondAsyncQueuesTheRefreshAndPublishesItsResult(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue())
	got := f.PostHTTPAPI(t, completedPath+"?timeout=20", respondAsync, harness.Marker)
	requestID := checkQueued(t, got)
	if got.Header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("the header is %v", got.Header)
	}
	if calls := f.Simulator.Total(); calls != 0 {
		t.Errorf("Junction was called %d times before the answer", calls)
	}
	from, _ := f.Consume(t, 10)
	published := f.AWS.Published(t, 1)[0]
	f.AWS.WaitUntilQueueIsEmpty(t)

	body := from.Received()[0].Body
	want := document.Message{UserID: junctiontest.CompletedUserID, Timeout: 20, Origin: document.Origin{Trigger: document.HTTPAPI, RequestID: requestID}}
	if diff := cmp.Diff(want, harness.ReadMessage(t, body)); diff != "" {
		t.Errorf("the message is %s (-want +got):\n%s", body, diff)
	}
	if published.Status != "completed" || published.Attempts != 1 || published.Timeout != 20 || published.RequestID != requestID {
		t.Errorf("the result is %+v", published)
	}
	lines := f.Logged(t, "refresh")
	if len(lines) != 2 || lines[0]["status"] != "queued" || lines[1]["trigger"] != "sqs" || lines[1]["queued_by"] != "http-api" ||
		lines[1]["request_id"] != requestID {
		t.Errorf("the log lines are %v", lines)
	}
}

func TestSynchronousRequestIsNeitherQueuedNorPublished(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue())
	for name, header := range map[string]http.Header{"no preference": {}, "another preference": {"Prefer": {"wait=10"}}} {
		t.Run(name, func(t *testing.T) {
			before := f.Simulator.Total()
			got := f.PostHTTPAPI(t, completedPath, header, "")
			if result := got.Result(t, http.StatusOK); result.Status != "completed" || got.Header.Get("Preference-Applied") != "" {
				t.Errorf("status %q, header %v", result.Status, got.Header)
			}
			checkQueueAndCalls(t, f, 0, before+1)
		})
	}
	t.Run("a webhook that refreshes nobody", func(t *testing.T) {
		before := f.Simulator.Total()
		if result := f.PostHTTPAPI(t, "/webhooks", http.Header{}, harness.IgnoredWebhook).Result(t, http.StatusOK); result.Status != "ignored" {
			t.Errorf("status is %q", result.Status)
		}
		checkQueueAndCalls(t, f, 0, before)
	})
	t.Run("respond-async is queued", func(t *testing.T) {
		before := f.Simulator.Total()
		checkQueued(t, f.PostHTTPAPI(t, completedPath, respondAsync, ""))
		checkQueueAndCalls(t, f, 1, before)
	})
	checkPublishCalls(t, f, 0)
}

func TestWebhookIsQueuedOnceIfDeliveredAgain(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(), harness.WithCallers())
	body := `{"event_type":"provider.connection.created","team_id":"` + junctiontest.TeamID + `","user_id":"` + junctiontest.CompletedUserID + `","data":{"note":"` + harness.Marker + `"}}`
	header := harness.SignedHeader(t, "Svix-", harness.WebhookSecret, time.Now(), body)
	first := f.PostHTTPAPI(t, "/webhooks", header, body)
	requestID := checkQueued(t, first)
	if first.Header.Get("Preference-Applied") != "" {
		t.Errorf("no preference was sent, and the header is %v", first.Header)
	}
	if again := f.PostHTTPAPI(t, "/webhooks", header, body); again.Body != first.Body || again.Status != first.Status {
		t.Errorf("the second delivery is answered %+v, the first %+v", again, first)
	}
	header.Set("Svix-Signature", "v1,"+strings.Repeat("A", 43)+"=")
	if forged := f.PostHTTPAPI(t, "/webhooks", header, body); forged.Status != http.StatusUnauthorized {
		t.Errorf("a forged delivery is answered %+v", forged)
	}
	if n := len(f.AWS.Calls("SendMessageBatch")); n != 1 {
		t.Errorf("SendMessageBatch was called %d times", n)
	}
	f.Consume(t, 10)
	if published := f.AWS.Published(t, 1)[0]; published.Status != "completed" || published.RequestID != requestID {
		t.Errorf("status %q, request ID %q, want %q", published.Status, published.RequestID, requestID)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)
	checkRefreshed(t, f, junctiontest.CompletedUserID, 1)
}

func TestDeliveryThatCannotBeQueuedCanBeRetried(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(), harness.WithCallers())
	body := `{"user_id":"` + junctiontest.CompletedUserID + `","note":"` + harness.Marker + `"}`
	header := harness.SignedHeader(t, "Webhook-", harness.WebhookSecret, time.Now(), body)
	for name, fault := range map[string]junctiontest.Fault{
		"SQS is down":                     junctiontest.Status(http.StatusInternalServerError),
		"SQS resets connections":          junctiontest.ResetConnection(),
		"SQS rejects every entry for now": harness.RejectEntries(func(int, string) string { return "InternalError" }),
		"SQS rejects every entry":         harness.RejectEntries(func(int, string) string { return "InvalidMessageContents" }),
	} {
		t.Run(name, func(t *testing.T) {
			f.AWS.Inject("SendMessageBatch", junctiontest.Always, fault)
			defer f.AWS.ClearFaults("SendMessageBatch")
			if result := f.PostHTTPAPI(t, "/webhooks", header, body).Result(t, http.StatusServiceUnavailable); result.ErrorCode != "queue_failed" {
				t.Errorf("error code is %q", result.ErrorCode)
			}
			checkQueueAndCalls(t, f, 0, 0)
		})
	}
	checkQueued(t, f.PostHTTPAPI(t, "/webhooks", header, body))
	checkQueueAndCalls(t, f, 1, 0)
}
