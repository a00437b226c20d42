package handler_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// wantDelays checks which messages were delayed.
func wantDelays(t *testing.T, q *queue, want ...handler.Delay) {
	t.Helper()
	if diff := cmp.Diff(want, q.delays); diff != "" {
		t.Errorf("other messages are delayed (-want +got):\n%s", diff)
	}
}

func TestARateLimitedMessageIsDelayedUntilItCanSucceed(t *testing.T) {
	for retryAfter, delay := range map[time.Duration]time.Duration{
		90 * time.Second:        90 * time.Second,
		1500 * time.Millisecond: 2 * time.Second,
		23 * time.Hour:          11*time.Hour + 45*time.Minute, // SQS allows 12 hours
		0:                       0,
	} {
		t.Run(retryAfter.String(), func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: retryAfter}
			f.refresher.fails[other] = &result.Failure{Code: result.UpstreamUnavailable, Message: "x", RetryAfter: time.Second}
			f.wantFailures(t, awstest.SQSBatch(userDocument, `{"user_id":"`+other+`"}`), "m0", "m1")
			if delay == 0 {
				wantDelays(t, q)
			} else {
				wantDelays(t, q, handler.Delay{ReceiptHandle: "handle-m0", For: delay})
			}
		})
	}
}

func TestADelayThatFailsLeavesTheMessageToItsQueue(t *testing.T) {
	f := newFunction(withQueue(&queue{err: errors.New("ReceiptHandleIsInvalid")}))
	f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: time.Minute}
	f.wantFailures(t, awstest.SQSBatch(userDocument), "m0")
	f.wantLog(t, "ReceiptHandleIsInvalid")
}

func TestAnUnpublishedResultsMessageIsRetriedWhileTheResultIsStored(t *testing.T) {
	for received, delay := range map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second, 3: 0} {
		t.Run(fmt.Sprint("received ", received, " times"), func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q), withBus(&bus{rejects: map[string]bool{user: true}}))
			f.wantFailures(t, awstest.SQSEvent(events.SQSMessage{
				Body: userDocument, Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(received)},
			}), "m0")
			if delay == 0 {
				wantDelays(t, q)
			} else {
				wantDelays(t, q, handler.Delay{ReceiptHandle: "handle-m0", For: delay})
			}
		})
	}
}
