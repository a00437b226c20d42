package handler_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAWebhooksBodyIsTheDocument(t *testing.T) {
	const body = `{"user_id":"` + user + `","timeout":20}`
	for name, event := range map[string]string{
		"as text":         awstest.Request{Path: "/webhooks", Body: body}.HTTPAPI(),
		"behind a stage":  awstest.Request{Path: "/prod/webhooks/", Body: body}.FunctionURL(),
		"of a REST API":   awstest.Request{Path: "/webhooks", Body: body}.RESTAPI(),
		"as base64":       awstest.Request{Path: "/webhooks", Body: body, Base64: true}.HTTPAPI(),
		"with other keys": awstest.Request{Path: "/webhooks", Body: `{"user_id":"` + user + `","timeout":"20","type":"login"}`}.HTTPAPI(),
		"despite a query": awstest.Request{Path: "/webhooks?timeout=60", Body: body}.HTTPAPI(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.http(t, event).wantStatus(t, http.StatusOK)
			f.wantRequests(t, refresh.Request{UserID: user, Timeout: 20, RequestID: "request-1"})
		})
	}
}

func TestABodyThatIsNotBase64IsRefused(t *testing.T) {
	response := newFunction().http(t, `{"version":"2.0","rawPath":"/webhooks","body":"%","isBase64Encoded":true,"requestContext":{"http":{"method":"POST"}}}`)
	response.wantStatus(t, http.StatusBadRequest)
	if code := response.result(t).ErrorCode; code != result.InvalidRequest {
		t.Errorf("the code is %s, want %s", code, result.InvalidRequest)
	}
}

func TestAWebhookWithManyUsersIsAnsweredWithAllResults(t *testing.T) {
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	response := f.http(t, awstest.Request{Path: "/webhooks", Body: `{"user_ids":["` + user + `","` + other + `"]}`}.HTTPAPI())
	response.wantStatus(t, http.StatusOK)
	if !strings.Contains(response.Body, `"summary":{"users":2,"completed":1,`) {
		t.Errorf("the answer does not count the users: %s", response.Body)
	}
}

func TestAJunctionWebhookIsRecognisedByItsSvixHeadersToo(t *testing.T) {
	const body = `{"event_type":"daily.data.sleep.created","user_id":"` + user + `"}`
	for name, c := range map[string]struct {
		header http.Header
		want   result.Status
		calls  int
	}{
		"with Svix's headers":             {http.Header{"svix-id": {"msg_1"}}, result.Ignored, 0},
		"without them, an app's own type": {nil, result.Completed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			response := f.http(t, awstest.Request{Path: "/webhooks", Header: c.header, Body: body}.HTTPAPI())
			response.wantStatus(t, http.StatusOK)
			if status := response.result(t).Status; status != c.want {
				t.Errorf("the status is %s, want %s", status, c.want)
			}
			if calls := len(f.refresher.asked); calls != c.calls {
				t.Errorf("%d refreshes, want %d", calls, c.calls)
			}
		})
	}
}
