package handler_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAPanicIsAnInternalErrorAndItsPayloadIsNotLogged(t *testing.T) {
	f := newFunction()
	f.refresher.panics = true
	e := f.lambdaError(t, userDocument)
	if e.Type != "Internal" || e.Message != "internal error" {
		t.Errorf("the Lambda error is %s: %s", e.Type, e.Message)
	}
	response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
	response.wantStatus(t, http.StatusInternalServerError)
	if code := response.result(t).ErrorCode; code != result.Internal {
		t.Errorf("the code is %s, want %s", code, result.Internal)
	}
	f.wantLog(t, "refresher_test.go", `"level":"ERROR"`)
	f.wantNotLogged(t, "a payload")
}

func TestWithoutAUsableDeadlineTheFunctionHas62Seconds(t *testing.T) {
	for name, deadline := range map[string]time.Duration{"no deadline": 0, "a deadline in the past": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if deadline != 0 {
					past, cancel := context.WithDeadline(ctx, time.Now().Add(deadline))
					defer cancel()
					ctx = past
				}
				f := newFunction()
				if _, err := f.Invoke(ctx, []byte(userDocument)); err != nil {
					t.Fatal(err)
				}
				if got := f.refresher.asked[0].Budget.Available(time.Now(), 2*time.Second); got != 60 {
					t.Errorf("%v s are available, want 60", got)
				}
			})
		})
	}
}

func TestARefreshIsLoggedWithItsTriggerRequestAndTrace(t *testing.T) {
	request := awstest.Request{Path: mirror}
	for trigger, c := range map[string]struct{ event, requestID string }{
		"direct":       {userDocument, "request-1"},
		"eventbridge":  {awstest.EventBridgeEvent("my.app", userDocument), eventID},
		"sqs":          {awstest.SQSBatch(userDocument), "m0"},
		"http-api":     {request.HTTPAPI(), "request-1"},
		"rest-api":     {request.RESTAPI(), "request-1"},
		"function-url": {request.FunctionURL(), "request-1"},
	} {
		t.Run(trigger, func(t *testing.T) {
			f := newFunction()
			f.answer(t, c.event)
			f.wantLog(t, `"msg":"refresh"`, `"trigger":"`+trigger+`"`, `"request_id":"`+c.requestID+`"`, `"trace_id":"1-5759e988-bd862e3fe1be46a994272793"`)
			f.wantNotLogged(t, "queued_by")
		})
	}
}

func TestConcurrentInvocationsDoNotDisturbEachOther(t *testing.T) {
	f := newFunction()
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			id := []string{user, other}[i%2]
			answer, err := f.invoke(t, `{"user_id":"`+id+`"}`)
			if err != nil {
				t.Errorf("invocation %d: %v", i, err)
			} else if got := decodeResult(t, answer).UserID; got != id {
				t.Errorf("invocation %d is answered for %s, want %s", i, got, id)
			}
		})
	}
	wait.Wait()
}
