package handler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAMessageThatWaitsForTheQuotaIsDelayed(t *testing.T) {
	inFlight := &result.Failure{Code: result.InFlight, Message: "x", RetryAfter: 9500 * time.Millisecond}
	unavailable := result.Fail(result.QuotaUnavailable, "x")
	for name, c := range map[string]struct {
		failure  *result.Failure
		received int
		want     time.Duration
	}{
		"in flight":                             {inFlight, 1, 11 * time.Second}, // the lease's rest, a second, and whole seconds
		"in flight, received again":             {inFlight, 4, 11 * time.Second},
		"quota unavailable":                     {unavailable, 1, time.Minute},
		"quota unavailable, received twice":     {unavailable, 2, 5 * time.Minute},
		"quota unavailable, received 3 times":   {unavailable, 3, 15 * time.Minute},
		"quota unavailable, received 4 times":   {unavailable, 4, 30 * time.Minute},
		"quota unavailable, received 100 times": {unavailable, 100, 30 * time.Minute},
		"quota unavailable, no receive count":   {unavailable, 0, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			f.refresher.fails[user] = c.failure
			f.wantFailures(t, awstest.SQSEvent(events.SQSMessage{
				Body: userDocument, Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(c.received)},
			}), "m0")
			wantDelays(t, q, handler.Delay{ReceiptHandle: "handle-m0", For: c.want})
		})
	}
}

func TestARefreshInFlightIsLoggedAtInfo(t *testing.T) {
	f := newFunction(withQueue(&queue{}))
	f.refresher.fails[user] = &result.Failure{Code: result.InFlight, Message: "x", RetryAfter: 9500 * time.Millisecond}
	f.wantFailures(t, awstest.SQSBatch(userDocument), "m0")
	for _, want := range []string{`"level":"INFO"`, `"error_code":"in_flight"`, `"retryable":true`, `"retry_after_seconds":10`} {
		f.wantLog(t, want)
	}
}

func TestOnlyAQueueMessageCanWait(t *testing.T) {
	event := awstest.EventBridgeEvent("my.app", userDocument)
	for name, c := range map[string]struct {
		event string
		want  bool
	}{
		"a message":               {awstest.SQSBatch(userDocument), true},
		"an event in a message":   {awstest.SQSBatch(event), true},
		"an EventBridge event":    {event, false},
		"a direct call":           {userDocument, false},
		"an HTTP request":         {awstest.Request{Path: mirror}.HTTPAPI(), false},
		"a webhook with no queue": {awstest.Request{Path: "/webhooks", Body: userDocument}.HTTPAPI(), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.answer(t, c.event)
			if len(f.refresher.asked) != 1 {
				t.Fatalf("%d refreshes", len(f.refresher.asked))
			}
			if got := f.refresher.asked[0].CanWait; got != c.want {
				t.Errorf("can wait is %t, want %t", got, c.want)
			}
		})
	}
}
