package handler_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// connectionError is Junction's webhook about a connection that broke.
const connectionError = `{"event_type":"provider.connection.error","team_id":"t","user_id":"` + user + `","client_user_id":"app-user-7",` +
	`"data":{"user_id":"` + user + `","provider":"oura","error_type":"token_refresh_failed","message":"a person's words"}}`

// refreshAfterErrors makes the function refresh the user of a connection error too.
func refreshAfterErrors(o *handler.Options) {
	o.WebhookEvents = append(o.WebhookEvents, "provider.connection.error")
}

// wantConnectionErrors checks whose connection errors were published.
func wantConnectionErrors(t *testing.T, b *bus, want ...string) {
	t.Helper()
	var got []string
	for _, e := range b.errors {
		got = append(got, e.UserID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other connection errors are published (-want +got):\n%s", diff)
	}
}

func TestAConnectionErrorIsPublishedAndAnsweredAsIgnored(t *testing.T) {
	for name, event := range map[string]string{
		"with team_id":        delivery("webhook-id", "msg_1", connectionError),
		"with Svix's headers": delivery("svix-id", "msg_1", connectionError),
		"on a function URL":   awstest.Request{Path: "/webhooks", Body: connectionError}.FunctionURL(),
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			f := newFunction(withBus(b), withQueue(&queue{}))
			response := f.http(t, event)
			response.wantStatus(t, http.StatusOK)
			out := response.result(t)
			if diff := cmp.Diff([]any{result.Ignored, user, "app-user-7"}, []any{out.Status, out.UserID, out.ClientUserID}); diff != "" {
				t.Errorf("another status or user (-want +got):\n%s", diff)
			}
			want := []result.ConnectionError{{
				SchemaVersion: 1, UserID: user, ClientUserID: "app-user-7", Provider: "oura", ErrorType: "token_refresh_failed",
			}}
			if diff := cmp.Diff(want, b.errors, cmpopts.IgnoreFields(result.ConnectionError{}, "ReceivedAt")); diff != "" {
				t.Errorf("another connection error is published (-want +got):\n%s", diff)
			}
			if len(b.events) != 0 {
				t.Errorf("%d results are published, want none", len(b.events))
			}
			f.wantRequests(t)
			f.wantNotLogged(t, "app-user-7", "a person's words")
		})
	}
}

func TestAConnectionErrorIsPublishedOncePerDelivery(t *testing.T) {
	for name, options := range map[string][]option{"that refreshes nothing": nil, "that refreshes": {refreshAfterErrors}} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			f := newFunction(append(options, withBus(b), withDeliveries(newDeliveries()))...)
			f.answer(t, delivery("svix-id", "msg_1", connectionError))
			f.http(t, delivery("svix-id", "msg_1", connectionError)).wantStatus(t, http.StatusOK)
			wantConnectionErrors(t, b, user)
			f.answer(t, delivery("svix-id", "msg_2", connectionError))
			wantConnectionErrors(t, b, user, user)
		})
	}
}

func TestAConnectionErrorThatCannotBePublishedIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		options   []option
		status    int // of the redelivery
		refreshes int
	}{
		"that refreshes nothing": {nil, http.StatusOK, 0},
		"that refreshes":         {[]option{refreshAfterErrors}, http.StatusOK, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{rejects: map[string]bool{user: true}}
			f := newFunction(append(c.options, withBus(b), withDeliveries(newDeliveries()))...)
			response := f.http(t, delivery("svix-id", "msg_1", connectionError))
			response.wantStatus(t, http.StatusServiceUnavailable)
			if code := response.result(t).ErrorCode; code != result.PublishFailed {
				t.Errorf("the code is %s, want %s", code, result.PublishFailed)
			}
			f.wantLog(t, `"cause":"EventBridge rejects a result: InternalFailure"`)
			f.wantRequests(t)

			b.rejects = nil
			f.http(t, delivery("svix-id", "msg_1", connectionError)).wantStatus(t, c.status)
			wantConnectionErrors(t, b, user)
			if calls := len(f.refresher.asked); calls != c.refreshes {
				t.Errorf("%d refreshes, want %d", calls, c.refreshes)
			}
		})
	}
}

func TestAConnectionErrorOfAConfiguredTypeRefreshesToo(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		b := &bus{}
		f := newFunction(withBus(b), refreshAfterErrors)
		out := f.http(t, delivery("svix-id", "msg_1", connectionError)).result(t)
		if out.Status != result.Completed || out.ClientUserID != "app-user-7" {
			t.Errorf("it is answered with %+v", out)
		}
		wantConnectionErrors(t, b, user)
	})
	t.Run("by the queue", func(t *testing.T) {
		b, q := &bus{}, &queue{}
		f := newFunction(withBus(b), withQueue(q), refreshAfterErrors)
		f.http(t, delivery("svix-id", "msg_1", connectionError)).wantStatus(t, http.StatusAccepted)
		wantQueued(t, q, `{"user_id":"`+user+`","client_user_id":"app-user-7","timeout":10,"trigger":"http-api","request_id":"request-1"}`)
		wantConnectionErrors(t, b, user)
	})
}

func TestAConnectionErrorWhoseRefreshFailedIsNotPublishedAgain(t *testing.T) {
	b := &bus{}
	f := newFunction(withBus(b), withDeliveries(newDeliveries()), refreshAfterErrors)
	f.refresher.fails[user] = result.Fail(result.UpstreamUnavailable, "x")
	f.http(t, delivery("svix-id", "msg_1", connectionError)).wantStatus(t, http.StatusServiceUnavailable)
	delete(f.refresher.fails, user)
	f.http(t, delivery("svix-id", "msg_1", connectionError)).wantStatus(t, http.StatusOK)
	if calls := len(f.refresher.asked); calls != 2 {
		t.Errorf("%d refreshes, want 2", calls)
	}
	wantConnectionErrors(t, b, user)
}

func TestAConnectionErrorIsPublishedOnlyForAWebhook(t *testing.T) {
	for name, event := range map[string]string{
		"a direct document":     connectionError,
		"an EventBridge event":  awstest.EventBridgeEvent("my.app", connectionError),
		"a message":             awstest.SQSBatch(connectionError),
		"the refresh route":     awstest.Request{Path: mirror, Body: connectionError}.HTTPAPI(),
		"another type":          delivery("svix-id", "msg_1", `{"event_type":"provider.connection.created","team_id":"t","user_id":"`+user+`","data":{"provider":"oura"}}`),
		"one with no provider":  delivery("svix-id", "msg_1", `{"event_type":"provider.connection.error","team_id":"t","user_id":"`+user+`","data":{}}`),
		"one with no user":      delivery("svix-id", "msg_1", `{"event_type":"provider.connection.error","team_id":"t","data":{"provider":"oura"}}`),
		"an app's own webhook":  awstest.Request{Path: "/webhooks", Body: `{"event_type":"provider.connection.error","user_id":"` + user + `","data":{"provider":"oura"}}`}.HTTPAPI(),
		"a caller not admitted": awstest.Request{Path: "/webhooks", Body: connectionError, Header: http.Header{"authorization": {"Bearer bad"}}}.HTTPAPI(),
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			options := []option{withBus(b)}
			if name == "a caller not admitted" {
				options = append(options, onlyBearerGood)
			}
			newFunction(options...).answer(t, event)
			wantConnectionErrors(t, b)
		})
	}
}

func TestWithoutABusAConnectionErrorIsIgnored(t *testing.T) {
	response := newFunction(withDeliveries(newDeliveries())).http(t, delivery("svix-id", "msg_1", connectionError))
	response.wantStatus(t, http.StatusOK)
	if status := response.result(t).Status; status != result.Ignored {
		t.Errorf("the status is %s, want %s", status, result.Ignored)
	}
}
