package handler_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// queuedLook is a look on a queue.
type queuedLook struct {
	After      time.Duration
	Origin     document.Origin
	User       result.User
	InProgress []string
	Looks      int
}

// firstLook returns the first look at the sources of a user, as [newFollowing]'s function queues it.
func firstLook(trigger document.Trigger, requestID, userID string) queuedLook {
	return queuedLook{
		After: 30 * time.Second, Origin: document.Origin{Trigger: trigger, RequestID: requestID},
		User: result.User{ID: userID}, InProgress: []string{"garmin/sleep"},
	}
}

// looks returns the looks on the queue.
func (q *queue) looks(t *testing.T) (looks []queuedLook) {
	t.Helper()
	for _, sent := range q.sent {
		m, err := document.ParseMessage(sent.Body)
		if err != nil || m.FollowUp == nil {
			t.Fatalf("%s is not a look: %v", sent.Body, err)
		}
		looks = append(looks, queuedLook{
			sent.Delay, m.Origin, result.User{ID: m.FollowUp.UserID, ClientUserID: m.FollowUp.ClientUserID}, m.FollowUp.InProgress, m.FollowUp.Looks,
		})
	}
	return looks
}

// wantLooks checks the looks on a queue.
func wantLooks(t *testing.T, q *queue, want ...queuedLook) {
	t.Helper()
	if diff := cmp.Diff(want, q.looks(t)); diff != "" {
		t.Errorf("other looks are queued (-want +got):\n%s", diff)
	}
}

func TestARefreshInProgressIsFollowedUpWhateverAskedForIt(t *testing.T) {
	request := awstest.Request{Path: mirror}
	for name, c := range map[string]struct {
		event, requestID string
		trigger          document.Trigger
	}{
		"an HTTP API's request":   {request.HTTPAPI(), "request-1", document.HTTPAPI},
		"a REST API's request":    {request.RESTAPI(), "request-1", document.RESTAPI},
		"a function URL's":        {request.FunctionURL(), "request-1", document.FunctionURL},
		"a direct call":           {userDocument, "request-1", document.Direct},
		"an EventBridge event":    {awstest.EventBridgeEvent("my.app", userDocument), eventID, document.EventBridge},
		"a message":               {awstest.SQSBatch(userDocument), "m0", document.SQS},
		"an event in a message":   {awstest.SQSBatch(awstest.EventBridgeEvent("my.app", userDocument)), eventID, document.SQS},
		"a message of a REST API": {awstest.SQSBatch(`{"user_id":"` + user + `","trigger":"rest-api","request_id":"own-7"}`), "own-7", document.RESTAPI},
	} {
		t.Run(name, func(t *testing.T) {
			f, q, _ := newFollowing()
			f.answer(t, c.event)
			wantLooks(t, q, firstLook(c.trigger, c.requestID, user))
			if got := q.sent[0].TraceHeader; got != trace {
				t.Errorf("the trace header is %q, want %q", got, trace)
			}
		})
	}
}

func TestEachUserInProgressIsFollowedUp(t *testing.T) {
	f, q, _ := newFollowing()
	f.refresher.fails[other] = result.Fail(result.UserNotFound, "x")
	const third = "9f1c7d52-5d0e-4a53-9b62-2f0a4c1b7e33"
	f.answer(t, awstest.SQSBatch(
		`{"user_id":"`+user+`","client_user_id":"app-user-7","trigger":"direct","request_id":"own-7"}`,
		`{"user_id":"`+other+`","trigger":"direct","request_id":"own-7"}`,
		`{"user_id":"`+third+`","trigger":"direct","request_id":"own-7"}`,
	))
	first, second := firstLook(document.Direct, "own-7", user), firstLook(document.Direct, "own-7", third)
	first.User.ClientUserID = "app-user-7"
	got := q.looks(t)
	if len(got) == 2 && got[0].User.ID == third { // they are queued at the same time
		got[0], got[1] = got[1], got[0]
	}
	if diff := cmp.Diff([]queuedLook{first, second}, got); diff != "" {
		t.Errorf("other looks are queued (-want +got):\n%s", diff)
	}
}

func TestManyUsersAreQueuedAndThenFollowedUpUnderOneRequestID(t *testing.T) {
	f, q, _ := newFollowing()
	f.answer(t, awstest.EventBridgeEvent("my.app", `{"user_ids":["`+user+`"]}`))
	queued := q.bodies()
	q.sent = nil
	f.answer(t, awstest.SQSBatch(queued...))
	wantLooks(t, q, firstLook(document.EventBridge, eventID, user))
}

func TestNothingIsFollowedUpUnlessItsEndCanBePublished(t *testing.T) {
	inFlight := func(r *refresher) { r.inFlight = true }
	for name, c := range map[string]struct {
		options []option
		change  func(*refresher)
	}{
		"without a bus":                     {[]option{withBus(nil)}, nil},
		"without a queue":                   {[]option{withQueue(nil)}, nil},
		"without pauses":                    {nil, func(r *refresher) { r.pauses = nil }},
		"a 202 that names no source":        {nil, func(r *refresher) { r.running, r.status = nil, http.StatusAccepted }},
		"a refresh in flight":               {nil, inFlight},
		"a refresh whose sources all ended": {nil, func(r *refresher) { r.running = nil }},
		"a refresh that failed":             {nil, func(r *refresher) { r.fails[user] = result.Fail(result.UserNotFound, "x") }},
	} {
		for trigger, event := range map[string]string{"SQS": awstest.SQSBatch(userDocument), "HTTP": awstest.Request{Path: mirror}.HTTPAPI()} {
			t.Run(trigger+", "+name, func(t *testing.T) {
				f, q, _ := newFollowing(c.options...)
				if c.change != nil {
					c.change(f.refresher)
				}
				f.answer(t, event)
				wantLooks(t, q)
				f.wantNotLogged(t, "followed up")
			})
		}
	}
}

func TestAFollowUpThatCannotBeQueuedIsLoggedWithItsCause(t *testing.T) {
	for name, c := range map[string]struct {
		queue *queue
		cause string
	}{
		"the queue fails":  {&queue{err: errors.New("SQS rejects a message: InternalError")}, "SQS rejects a message: InternalError"},
		"the queue panics": {&queue{panics: true}, "panic: string"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, b := newFollowing(withQueue(c.queue))
			f.wantFailures(t, awstest.SQSBatch(userDocument, `{"user_id":"`+other+`"}`))
			f.wantLog(t, "cannot be followed up", `"user_id":"`+user+`"`, `"request_id":"m0"`, c.cause)
			f.wantNotLogged(t, "a payload")
			if len(b.events) != 2 {
				t.Errorf("%d results are published, want 2", len(b.events))
			}
		})
	}
}

func TestTheResultOfAnHTTPCallerWhoWaitsIsFollowedUpAndNotPublished(t *testing.T) {
	f, q, b := newFollowing()
	response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
	response.wantStatus(t, http.StatusAccepted)
	if response.result(t).Final {
		t.Error("the result is final")
	}
	if len(b.events) != 0 {
		t.Errorf("%d results are published, want none", len(b.events))
	}
	f.wantFailures(t, awstest.SQSBatch(q.bodies()...))
	got := b.published(t)
	if len(got) != 1 || !got[0].Final || got[0].Status != result.Completed || got[0].RequestID != "request-1" {
		t.Errorf("published is %+v, want the final result of request-1", got)
	}
}

func TestTheFollowUpIsQueuedBeforeTheResultIsPublished(t *testing.T) {
	for trigger, event := range map[string]string{
		"direct": userDocument, "EventBridge": awstest.EventBridgeEvent("my.app", userDocument), "SQS": awstest.SQSBatch(userDocument),
	} {
		t.Run(trigger, func(t *testing.T) {
			f, q, b := newFollowing()
			queued := -1
			b.called = func() { queued = len(q.sent) }
			f.answer(t, event)
			if queued != 1 {
				t.Errorf("%d looks are queued when the result is published, want 1", queued)
			}
		})
	}
}

func TestAResultThatCannotBePublishedIsFollowedUpAllTheSame(t *testing.T) {
	f, q, b := newFollowing()
	b.rejects = map[string]bool{user: true}
	f.wantFailures(t, awstest.SQSBatch(userDocument), "m0")
	wantLooks(t, q, firstLook(document.SQS, "m0", user))
}

func TestAFollowUpKeepsTheTraceOfItsMessage(t *testing.T) {
	f, q, _ := newFollowing()
	f.answer(t, awstest.SQSEvent(events.SQSMessage{Body: userDocument, Attributes: map[string]string{"AWSTraceHeader": "Root=1-1-own"}}))
	if got := q.sent[0].TraceHeader; got != "Root=1-1-own" {
		t.Errorf("the trace header is %q, want Root=1-1-own", got)
	}
}
