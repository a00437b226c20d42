package handler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestOnlyMessagesThatCanSucceedLaterAreRetried(t *testing.T) {
	const third, fourth = "9f1c7d52-5d0e-4a53-9b62-2f0a4c1b7e33", "00000000-0000-4000-8000-000000000004"
	unavailable, permanent := other, third
	f := newFunction()
	f.refresher.fails[unavailable] = result.Fail(result.UpstreamUnavailable, "x")
	f.refresher.fails[permanent] = result.Fail(result.NoConnectedSources, "x")
	f.wantFailures(t, awstest.SQSBatch(
		userDocument,
		`{"user_id":"`+unavailable+`"}`, // m1
		`{"user_id":"`+permanent+`"}`,
		`not JSON`,
		`{"detail-type":"x","source":"my.app","detail":{"user_id":"`+fourth+`","timeout":20}}`,
		`{"client_user_id":"app-user-42"}`, // m5: the stub resolves it to the unavailable user
		`{"detail-type":"x","source":"junction.refresh","detail":{"user_id":"`+unavailable+`"}}`,
		`{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"`+user+`"}`,
		`{"user_ids":["`+user+`","`+unavailable+`"]}`, // m8
		`{"user_ids":["`+user+`","`+permanent+`"]}`,
		``,
	), "m1", "m5", "m8")
	if calls := len(f.refresher.asked); calls != 9 {
		t.Errorf("%d refreshes, want 9", calls)
	}
	if lines := strings.Count(f.log.String(), `"trigger":"sqs"`); lines != 13 {
		t.Errorf("%d log lines, want 13: one per user or message", lines)
	}
}

func TestIfAllMessagesFailAllAreListed(t *testing.T) {
	f := newFunction()
	f.refresher.fails[user] = result.Fail(result.SecretUnavailable, "x")
	f.wantFailures(t, awstest.SQSBatch(userDocument, userDocument), "m0", "m1")
}

func TestAMessageWithoutAnIDIsNotListed(t *testing.T) {
	f := newFunction()
	f.refresher.fails[user] = result.Fail(result.SecretUnavailable, "x")
	f.wantFailures(t, `{"Records":[{"eventSource":"aws:sqs","body":"{\"user_id\":\"`+user+`\"}"}]}`)
}

func TestABatchWithoutFailuresIsAnsweredWithAnEmptyList(t *testing.T) {
	if got := string(newFunction().answer(t, awstest.SQSBatch(userDocument))); got != `{"batchItemFailures":[]}` {
		t.Errorf("it is answered with %s", got)
	}
}

func TestABatchThatCannotBeDecodedIsRetried(t *testing.T) {
	if e := newFunction().lambdaError(t, `{"Records":[{"eventSource":"aws:sqs","messageId":7}]}`); e.Type != "Internal" {
		t.Errorf("the errorType is %s, want Internal", e.Type)
	}
}

func TestAPanicOverOneMessageFailsOnlyThatMessage(t *testing.T) {
	f := newFunction(withQueue(&queue{panics: true}))
	f.wantFailures(t, awstest.SQSBatch(`{"user_ids":["`+user+`"]}`, userDocument), "m0")
	if calls := len(f.refresher.asked); calls != 1 {
		t.Errorf("%d refreshes, want 1", calls)
	}
	f.wantNotLogged(t, "a payload")
}

func TestNoMessageWaitsForTheOthersOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowLister{}
		f := newFunctionFor(r, withBus(&bus{takes: 20 * time.Second}), withQueue(&queue{}))
		var bodies []string
		for range 9 { // pages, of which each takes 15 s and four are listed at once
			bodies = append(bodies, `{"all_users":true,"offset":0}`)
		}
		for range 100 { // results, of which ten take 20 s to publish
			bodies = append(bodies, `not a document`)
		}
		began := time.Now()
		failed := f.failures(t, awstest.SQSBatch(append(bodies, userDocument)...))
		if waited := r.refreshing.Sub(began); waited != 0 {
			t.Errorf("the refresh began after %v, want at once", waited)
		}
		if len(failed) < 9 {
			t.Errorf("%d messages failed, want the 9 pages at least", len(failed))
		}
	})
}

func TestGarbageIsCollectedLessOftenDuringABatch(t *testing.T) {
	r := &gcReader{}
	f := newFunctionFor(r)
	for _, messages := range []int{1, 100, 200, 1000} {
		f.failures(t, awstest.SQSBatch(slices.Repeat([]string{userDocument}, messages)...))
	}
	f.answer(t, userDocument)
	if diff := cmp.Diff([]uint64{400, 400, 200, 100, 100}, r.percents); diff != "" {
		t.Errorf("GOGC during four batches and a direct call (-want +got):\n%s", diff)
	}
}

func TestTheRequestThatQueuedAMessageIsLoggedAndPassedOn(t *testing.T) {
	for name, c := range map[string]struct{ origin, requestID, logged string }{
		"a message of this function":  {`"trigger":"rest-api","request_id":"of-the-caller"`, "of-the-caller", `"queued_by":"rest-api"`},
		"an origin that is not valid": {`"trigger":"nonsense","request_id":"a caller's words"`, "m0", ``},
		"another sender's message":    {`"x":1`, "m0", ``},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.wantFailures(t, awstest.SQSBatch(`{"user_id":"`+user+`",`+c.origin+`}`))
			if got := f.refresher.asked[0].RequestID; got != c.requestID {
				t.Errorf("the refresh has the request ID %q, want %q", got, c.requestID)
			}
			f.wantLog(t, `"trigger":"sqs"`, `"request_id":"`+c.requestID+`"`, c.logged)
			f.wantNotLogged(t, "a caller's words", "nonsense")
			if c.logged == "" {
				f.wantNotLogged(t, "queued_by")
			}
		})
	}
}

func TestAMessageThatIsPublishedIsDeletedWhileItsBatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		r := &timedRefresher{at: []time.Duration{0, 0, 30 * time.Second}}
		f := newFunctionFor(r, withBus(&bus{rejects: map[string]bool{other: true}}), withQueue(q))
		after20s := make(chan []string, 1)
		go func() {
			time.Sleep(20 * time.Second)
			after20s <- q.deletedSoFar()
		}()
		f.wantFailures(t, awstest.SQSBatch(userDocument, `{"user_id":"`+other+`"}`, `{"user_id":"00000000-0000-4000-8000-000000000001"}`), "m1")
		if diff := cmp.Diff([]string{"handle-m0"}, <-after20s); diff != "" {
			t.Errorf("other messages are deleted after 20 s (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"handle-m0"}, q.deletedSoFar()); diff != "" {
			t.Errorf("the last message is deleted with its batch, and not before (-want +got):\n%s", diff)
		}
	})
}
