package handler_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// followUp returns a refresh of a user that began a minute ago, of which one source is still running.
func followUp(userID string, looks int) result.FollowUp {
	return result.FollowUp{
		UserID: userID, ClientUserID: "app-user-7",
		Refreshed: []string{"withings/body"}, InProgress: []string{"garmin/sleep"}, Failed: []string{},
		TimeoutSeconds: 30, RequestedTimeoutSeconds: 90, UpstreamStatus: 202, Attempts: 1,
		StartedAt: time.Now().UTC().Round(0).Add(-time.Minute), Looks: looks,
	}
}

// lookMessage returns the message for a look at a refresh that a REST API's request asked for.
func lookMessage(f result.FollowUp) string {
	return document.Message{FollowUp: &f, Origin: document.Origin{Trigger: document.RESTAPI, RequestID: "own-7"}}.Body()
}

func TestALookIsMadeAtWhatItsMessageSays(t *testing.T) {
	f, _, _ := newFollowing()
	first := followUp(user, 0)
	f.wantFailures(t, awstest.SQSBatch(lookMessage(first)))
	if diff := cmp.Diff([]look{{first, "own-7"}}, f.refresher.looked); diff != "" {
		t.Errorf("another look is made (-want +got):\n%s", diff)
	}
	f.wantRequests(t)
}

func TestALookThatFindsSourcesRunningQueuesTheNext(t *testing.T) {
	f, q, b := newFollowing()
	f.refresher.endsAt = 2
	f.wantFailures(t, awstest.SQSBatch(lookMessage(followUp(user, 0))))
	wantLooks(t, q, queuedLook{
		After: time.Minute, Origin: document.Origin{Trigger: document.RESTAPI, RequestID: "own-7"},
		User: result.User{ID: user, ClientUserID: "app-user-7"}, InProgress: []string{"garmin/sleep"}, Looks: 1,
	})
	if got := q.sent[0].TraceHeader; got != trace {
		t.Errorf("the trace header is %q, want %q", got, trace)
	}
	if len(b.events) != 0 {
		t.Errorf("%d results are published, want none yet", len(b.events))
	}
	f.wantLog(t, `"msg":"look"`, `"looks":1`, `"request_id":"own-7"`)
	f.wantNotLogged(t, `"msg":"settled"`, `"msg":"refresh"`, "app-user-7")
}

func TestTheLastLookPublishesTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		looks, endsAt int
		want          []any // status, final, request ID, user, the app's ID
	}{
		"all sources have ended":  {0, 1, []any{result.Completed, true, "own-7", user, "app-user-7"}},
		"the pauses are used up":  {1, 9, []any{result.InProgress, true, "own-7", user, "app-user-7"}},
		"both, at the last pause": {1, 2, []any{result.Completed, true, "own-7", user, "app-user-7"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, q, b := newFollowing()
			f.refresher.endsAt = c.endsAt
			f.wantFailures(t, awstest.SQSBatch(lookMessage(followUp(user, c.looks))))
			wantLooks(t, q)
			got := b.published(t)
			if len(got) != 1 {
				t.Fatalf("%d results are published, want 1", len(got))
			}
			out := got[0]
			if diff := cmp.Diff(c.want, []any{out.Status, out.Final, out.RequestID, out.UserID, out.ClientUserID}); diff != "" {
				t.Errorf("another end is published (-want +got):\n%s", diff)
			}
			if out.DurationMS < 60_000 {
				t.Errorf("duration_ms is %d, want what passed since the refresh began", out.DurationMS)
			}
			f.wantLog(t, `"msg":"settled"`, `"queued_by":"rest-api"`)
			f.wantNotLogged(t, `"msg":"look"`, `"msg":"refresh"`, "app-user-7")
		})
	}
}

func TestALookWhoseNextCannotBeQueuedIsRetried(t *testing.T) {
	for name, c := range map[string]struct {
		queue *queue
		cause string
	}{
		"the queue fails":  {&queue{err: errors.New("SQS rejects a message: InternalError")}, "SQS rejects a message: InternalError"},
		"the queue panics": {&queue{panics: true}, "panic: string"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, b := newFollowing(withQueue(c.queue))
			f.refresher.endsAt = 2
			f.wantFailures(t, awstest.SQSBatch(lookMessage(followUp(user, 0))), "m0")
			if len(b.events) != 0 {
				t.Errorf("%d results are published, want none", len(b.events))
			}
			f.wantLog(t, `"level":"ERROR"`, `"request_id":"own-7"`, c.cause)
			f.wantNotLogged(t, `"msg":"look"`, "a payload", "app-user-7")
		})
	}
}

func TestAPanicAtALookFailsOnlyItsMessage(t *testing.T) {
	f, _, b := newFollowing()
	f.refresher.panicAtLook, f.refresher.running = true, nil
	f.wantFailures(t, awstest.SQSBatch(userDocument, lookMessage(followUp(user, 0)), `{"user_id":"`+other+`"}`), "m1")
	if diff := cmp.Diff([]string{"completed", "completed"}, outcomes(b.events)); diff != "" {
		t.Errorf("other results are published (-want +got):\n%s", diff)
	}
	f.wantLog(t, `"level":"ERROR"`, "refresher_test.go")
	f.wantNotLogged(t, "a payload")
}

func TestAnEndThatCannotBePublishedIsRetried(t *testing.T) {
	f, q, b := newFollowing()
	b.rejects = map[string]bool{user: true}
	f.wantFailures(t, awstest.SQSBatch(lookMessage(followUp(user, 0)), lookMessage(followUp(other, 0))), "m0")
	wantDelays(t, q, handler.Delay{ReceiptHandle: "handle-m0", For: 15 * time.Second})
	if diff := cmp.Diff([]string{other}, users(b.published(t))); diff != "" {
		t.Errorf("the ends of other users are published (-want +got):\n%s", diff)
	}
}

// users returns the users of results.
func users(results []result.Result) (ids []string) {
	for _, out := range results {
		ids = append(ids, out.UserID)
	}
	return ids
}

func TestABatchMayHaveLooksAndRefreshes(t *testing.T) {
	f, q, b := newFollowing()
	f.refresher.fails[other] = result.Fail(result.UpstreamUnavailable, "x")
	f.wantFailures(t, awstest.SQSBatch(
		userDocument,                    // in progress, and followed up
		lookMessage(followUp(other, 0)), // the end
		`{"user_id":"`+other+`"}`,       // fails
		lookMessage(followUp(user, 1)),  // the end
		`{"user_ids":["`+user+`"]}`,     // queued
		`{"follow_up":{"user_id":"x"}}`, // refused
	), "m2")
	if diff := cmp.Diff([]string{"completed", "completed", "in_progress", "invalid_request"}, outcomes(b.events)); diff != "" {
		t.Errorf("other results are published (-want +got):\n%s", diff)
	}
	if len(q.sent) != 2 || len(f.refresher.looked) != 2 || len(f.refresher.asked) != 2 {
		t.Errorf("%d messages, %d looks and %d refreshes, want 2 of each", len(q.sent), len(f.refresher.looked), len(f.refresher.asked))
	}
}

func TestAFollowUpThatIsNoneIsRefused(t *testing.T) {
	var noSources, fromTheFuture, badUser = followUp(user, 0), followUp(user, 0), followUp("x", 0)
	noSources.InProgress, fromTheFuture.StartedAt = nil, time.Now().Add(time.Hour)
	for name, body := range map[string]string{
		"a text":               `{"follow_up":"x"}`,
		"an empty one":         `{"follow_up":{}}`,
		"no source is running": lookMessage(noSources),
		"it begins in an hour": lookMessage(fromTheFuture),
		"its user has no UUID": lookMessage(badUser),
		"it was made -1 times": lookMessage(followUp(user, -1)),
	} {
		t.Run(name, func(t *testing.T) {
			f, _, b := newFollowing()
			f.wantFailures(t, awstest.SQSBatch(body))
			if len(f.refresher.looked) != 0 {
				t.Errorf("%d looks are made, want none", len(f.refresher.looked))
			}
			if diff := cmp.Diff([]string{"invalid_request"}, outcomes(b.events)); diff != "" {
				t.Errorf("other results are published (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyAMessageCanAskForALook(t *testing.T) {
	body := lookMessage(followUp(user, 0))
	withUser := strings.Replace(body, "{", `{"user_id":"`+user+`",`, 1)
	for name, event := range map[string]string{
		"direct": withUser, "EventBridge": awstest.EventBridgeEvent("my.app", withUser),
		"an event in a message": awstest.SQSBatch(awstest.EventBridgeEvent("my.app", withUser)),
		"a webhook":             awstest.Request{Path: "/webhooks", Body: withUser}.HTTPAPI(),
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _ := newFollowing()
			f.answer(t, event)
			if len(f.refresher.looked) != 0 {
				t.Errorf("%d looks are made, want none", len(f.refresher.looked))
			}
		})
	}
}

func TestALookWithoutAQueueOrABusEndsOnTheDeadLetterQueue(t *testing.T) {
	for name, without := range map[string]option{"a queue": withQueue(nil), "a bus": withBus(nil)} {
		t.Run(name, func(t *testing.T) {
			f, _, _ := newFollowing(without)
			f.refresher.endsAt = 2
			f.wantFailures(t, awstest.SQSBatch(lookMessage(followUp(user, 0))), "m0")
			f.wantLog(t, `"level":"ERROR"`, `"error_code":"misconfigured"`)
			if len(f.refresher.looked) != 0 {
				t.Errorf("%d looks are made, want none", len(f.refresher.looked))
			}
		})
	}
}
