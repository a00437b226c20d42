package handler_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// preferring returns a request to the refresh route with a Prefer header.
func preferring(preference string) string {
	return awstest.Request{Path: mirror + "?timeout=45", Header: http.Header{"prefer": {preference}}}.HTTPAPI()
}

// wantQueued checks the documents on a queue.
func wantQueued(t *testing.T, q *queue, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, q.bodies()); diff != "" {
		t.Errorf("other messages are queued (-want +got):\n%s", diff)
	}
}

func TestARequestThatPrefersNotToWaitIsQueued(t *testing.T) {
	for _, preference := range []string{"respond-async", "Respond-Async", "wait=10, respond-async", "respond-async; x=1 ,handling=lenient"} {
		t.Run(preference, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			response := f.http(t, preferring(preference))
			response.wantStatus(t, http.StatusAccepted)
			if got := response.Headers["Preference-Applied"]; got != "respond-async" {
				t.Errorf("Preference-Applied is %q, want respond-async", got)
			}
			want := []any{result.Queued, true, user, 45.0}
			out := response.result(t)
			if diff := cmp.Diff(want, []any{out.Status, out.Success, out.UserID, out.RequestedTimeoutSeconds}); diff != "" {
				t.Errorf("other status, success, user or timeout (-want +got):\n%s", diff)
			}
			body := `{"user_id":"` + user + `","timeout":45,"trigger":"http-api","request_id":"request-1"}`
			if diff := cmp.Diff([]handler.Message{{Body: body, TraceHeader: trace}}, q.sent); diff != "" {
				t.Errorf("other messages are queued (-want +got):\n%s", diff)
			}
			f.wantRequests(t)
		})
	}
}

func TestARequestThatWaitsIsNotQueued(t *testing.T) {
	for name, c := range map[string]struct {
		preference string
		queue      *queue
	}{
		"another preference":            {"wait=10", &queue{}},
		"a preference that begins so":   {"respond-asynchronously", &queue{}},
		"no preference":                 {"", &queue{}},
		"respond-async without a queue": {"respond-async", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			if c.queue != nil {
				f = newFunction(withQueue(c.queue))
			}
			response := f.http(t, preferring(c.preference))
			response.wantStatus(t, http.StatusOK)
			if status := response.result(t).Status; status != result.Completed {
				t.Errorf("the status is %s, want %s", status, result.Completed)
			}
			if got := response.Headers["Preference-Applied"]; got != "" {
				t.Errorf("Preference-Applied is %q, want none", got)
			}
			if calls := len(f.refresher.asked); calls != 1 {
				t.Errorf("%d refreshes, want 1", calls)
			}
			if c.queue != nil {
				wantQueued(t, c.queue)
			}
		})
	}
}

func TestEveryWebhookThatRefreshesIsQueued(t *testing.T) {
	const message = `{"user_id":"` + user + `","timeout":10,"trigger":"http-api","request_id":"request-1"}`
	for name, c := range map[string]struct {
		body, queued string // "" if it is ignored
	}{
		"a refresh document":  {userDocument, message},
		"an app's own ID":     {`{"client_user_id":"<app>"}`, `{"client_user_id":"\u003capp\u003e","timeout":10,"trigger":"http-api","request_id":"request-1"}`},
		"a listed webhook":    {`{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `"}`, message},
		"an unlisted webhook": {`{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"` + user + `","data":{} }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			response := f.http(t, awstest.Request{Path: "/webhooks", Body: c.body}.HTTPAPI())
			status := response.result(t).Status
			f.wantRequests(t)
			if c.queued == "" {
				response.wantStatus(t, http.StatusOK)
				if status != result.Ignored {
					t.Errorf("the status is %s, want %s", status, result.Ignored)
				}
				wantQueued(t, q)
				return
			}
			response.wantStatus(t, http.StatusAccepted)
			if status != result.Queued {
				t.Errorf("the status is %s, want %s", status, result.Queued)
			}
			if got := response.Headers["Preference-Applied"]; got != "" {
				t.Errorf("Preference-Applied is %q, though no preference was sent", got)
			}
			wantQueued(t, q, c.queued)
		})
	}
}

func TestManyUsersAreQueuedOnceEach(t *testing.T) {
	const many = `{"user_ids":["` + user + `","` + other + `","` + user + `"],"timeout":30}`
	const answer = `{"status":"queued","summary":{"users":2,"queued":2},"results":[]}`
	for trigger, c := range map[string]struct{ event, want, requestID string }{
		"direct":      {many, answer, "request-1"},
		"eventbridge": {awstest.EventBridgeEvent("my.app", many), answer, eventID},
		"sqs":         {awstest.SQSBatch(many), `{"batchItemFailures":[]}`, "m0"},
		"http-api":    {awstest.Request{Path: "/webhooks", Body: many}.HTTPAPI(), answer, "request-1"},
	} {
		t.Run(trigger, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			var got string
			if trigger == "http-api" {
				response := f.http(t, c.event)
				response.wantStatus(t, http.StatusAccepted)
				got = response.Body
			} else {
				got = string(f.answer(t, c.event))
			}
			if got != c.want {
				t.Errorf("it is answered with %s, want %s", got, c.want)
			}
			message := func(id string) string {
				return fmt.Sprintf(`{"user_id":%q,"timeout":30,"trigger":%q,"request_id":%q}`, id, trigger, c.requestID)
			}
			wantQueued(t, q, message(user), message(other))
			f.wantRequests(t)
			f.wantLog(t, `"msg":"queued"`)
		})
	}
}

func TestOneUserIsRefreshedAtOnceUnlessAskedOtherwise(t *testing.T) {
	for trigger, event := range map[string]string{
		"direct": userDocument, "eventbridge": awstest.EventBridgeEvent("my.app", userDocument), "sqs": awstest.SQSBatch(userDocument),
	} {
		t.Run(trigger, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			f.answer(t, event)
			wantQueued(t, q)
			if calls := len(f.refresher.asked); calls != 1 {
				t.Errorf("%d refreshes, want 1", calls)
			}
		})
	}
}

func TestARefreshThatCannotBeQueuedIsQueueFailed(t *testing.T) {
	const many = `{"user_ids":["` + user + `"]}`
	q, d := &queue{err: errors.New("SQS rejects a message: InternalError")}, newDeliveries()
	f := newFunction(withQueue(q), withDeliveries(d))
	webhook := delivery("webhook-id", "msg_1", userDocument)
	t.Run("webhook", func(t *testing.T) {
		response := f.http(t, webhook)
		response.wantStatus(t, http.StatusServiceUnavailable)
		if code := response.result(t).ErrorCode; code != result.QueueFailed {
			t.Errorf("the code is %s, want %s", code, result.QueueFailed)
		}
		if len(d.answers) != 0 {
			t.Error("the delivery is remembered")
		}
		f.wantLog(t, `"cause":"SQS rejects a message: InternalError"`)
	})
	t.Run("direct", func(t *testing.T) {
		if e := f.lambdaError(t, many); e.Type != "QueueFailed" {
			t.Errorf("the errorType is %s, want QueueFailed", e.Type)
		}
	})
	t.Run("sqs", func(t *testing.T) {
		f.wantFailures(t, awstest.SQSBatch(many, userDocument), "m0")
	})
	t.Run("the webhook's next try", func(t *testing.T) {
		q.err = nil
		first := f.answer(t, webhook)
		second := f.answer(t, webhook)
		if !strings.Contains(string(first), `"statusCode":202`) {
			t.Errorf("it is answered with %s, want a 202", first)
		}
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Errorf("sent again, it is answered otherwise (-first +second):\n%s", diff)
		}
		if len(d.answers) != 1 {
			t.Errorf("%d deliveries are remembered, want 1", len(d.answers))
		}
		if len(q.sent) != 1 {
			t.Errorf("%d messages are queued, want 1", len(q.sent))
		}
	})
}
