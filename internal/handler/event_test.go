package handler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestARetryableFailureIsALambdaErrorWithItsCodeAsTheType(t *testing.T) {
	for trigger, event := range map[string]string{"direct": userDocument, "EventBridge": awstest.EventBridgeEvent("my.app", userDocument)} {
		for name, c := range map[string]struct {
			failure            *result.Failure
			errorType, message string
		}{
			"with a time to wait":    {&result.Failure{Code: result.RateLimited, Message: "no more for now", RetryAfter: 90 * time.Second}, "RateLimited", "no more for now; try again in 90 s"},
			"without a time to wait": {result.Fail(result.UpstreamUnavailable, "x"), "UpstreamUnavailable", "x"},
		} {
			t.Run(trigger+" "+name, func(t *testing.T) {
				f := newFunction()
				f.refresher.fails[user] = c.failure
				e := f.lambdaError(t, event)
				if e.Type != c.errorType {
					t.Errorf("the errorType is %s, want %s", e.Type, c.errorType)
				}
				if e.Message != c.message {
					t.Errorf("the message is %q, want %q", e.Message, c.message)
				}
			})
		}
		t.Run(trigger+" permanent", func(t *testing.T) {
			f := newFunction()
			f.refresher.fails[user] = result.Fail(result.NoConnectedSources, "x")
			if out := f.result(t, event); out.ErrorCode != result.NoConnectedSources {
				t.Errorf("a failure that is not retryable is answered with %s", out.ErrorCode)
			}
		})
	}
}

func TestAnEventBridgeEventsDetailIsTheDocument(t *testing.T) {
	f := newFunction()
	out := f.result(t, awstest.EventBridgeEvent("my.app", `{"user_id":"`+user+`","timeout":20}`))
	if out.UserID != user {
		t.Errorf("the result is of the user %q", out.UserID)
	}
	f.wantRequests(t, refresh.Request{UserID: user, Timeout: 20, RequestID: eventID})

	if out := f.result(t, `{"detail-type":"x","source":"my.app"}`); out.ErrorCode != result.InvalidRequest {
		t.Errorf("an event without a detail is answered with %q", out.ErrorCode)
	}
}

func TestAnEventBridgeEventIsRetriedIfOneOfItsUsersCanBe(t *testing.T) {
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	if e := f.lambdaError(t, awstest.EventBridgeEvent("my.app", `{"user_ids":["`+user+`","`+other+`"]}`)); e.Type != "RateLimited" {
		t.Errorf("the errorType is %s", e.Type)
	}
}

func TestEventsThatAskForNoRefreshAreIgnored(t *testing.T) {
	for name, c := range map[string]struct{ event, userID string }{
		"the function's own event":        {awstest.EventBridgeEvent("junction.refresh", userDocument), ""},
		"an unlisted Junction webhook":    {`{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"` + user + `","data":{}}`, user},
		"a Junction webhook without user": {`{"event_type":7,"team_id":"t","user_id":"not one"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			out := f.result(t, c.event)
			if out.Status != result.Ignored {
				t.Errorf("the status is %s, want %s", out.Status, result.Ignored)
			}
			if !out.Success {
				t.Error("it is not a success")
			}
			if out.UserID != c.userID {
				t.Errorf("the user is %q, want %q", out.UserID, c.userID)
			}
			f.wantRequests(t)
		})
	}
}

func TestAnotherServicesEventIsRefusedByName(t *testing.T) {
	for event, says := range map[string]string{
		`{"requestContext":{"elb":{"targetGroupArn":"x"}},"httpMethod":"POST","path":"/webhooks"}`:          "load balancer",
		`{"requestContext":{"connectionId":"x","eventType":"MESSAGE"}}`:                                     "WebSocket",
		`{"type":"REQUEST","methodArn":"x","requestContext":{"httpMethod":"POST"}}`:                         "authorizer",
		`{"version":"2.0","type":"REQUEST","routeArn":"x","requestContext":{"http":{"method":"POST"}}}`:     "authorizer",
		`{"Records":[{"eventSource":"aws:s3"}]}`:                                                            "aws:s3",
		`{"Records":[{"EventSource":"aws:sns"}]}`:                                                           "aws:sns",
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"},{"eventSource":"aws:kinesis"}]}`: "aws:kinesis",
		`{"Records":[]}`: "Records",
		`{"Records":{}}`: "Records",
		`{"Records":[{"eventSource":"` + strings.Repeat("é", 100) + `"}]}`: "…",
		`[` + userDocument + `]`: "not a JSON object",
	} {
		t.Run(says, func(t *testing.T) {
			f := newFunction()
			out := f.result(t, event)
			if out.ErrorCode != result.InvalidRequest {
				t.Errorf("the code is %q, want %s", out.ErrorCode, result.InvalidRequest)
			}
			if !strings.Contains(out.Error, says) {
				t.Errorf("the sender is told %q, want %q in it", out.Error, says)
			}
			f.wantRequests(t)
		})
	}
}
