package test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestAResultThatCannotBePublishedBringsItsMessageBackAndRefreshesNobodyTwice(t *testing.T) {
	t.Parallel()
	for says, fault := range map[string]junctiontest.Fault{
		"the bus is down":                       junctiontest.Status(http.StatusInternalServerError),
		"the bus breaks connections off":        junctiontest.ResetConnection(),
		"the bus throttles":                     refuseEntries(func(int, string) string { return "ThrottlingException" }),
		"the bus refuses the function for good": refuseEntries(func(int, string) string { return "NotAuthorizedForDetailTypeException" }),
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			w := newWorker(t, map[string]string{"QUOTA_LIMIT": "8", "COALESCE_WINDOW": "60s"})
			requestID := queuedResult(t, w.post(t, completedPath, prefersAsync, ""))
			w.inject("PutEvents", junctiontest.Always, fault)
			from, _ := w.work(t, 10)
			eventually(t, 15*time.Second, "the message is delayed", func() bool {
				calls := w.sent("ChangeMessageVisibilityBatch")
				return len(calls) == 1 && calls[0].status == http.StatusOK
			})
			w.relent("PutEvents")
			entry := w.sent("ChangeMessageVisibilityBatch")[0].entries(t)[0]
			if d := decode[struct{ VisibilityTimeout int }](t, entry); d.VisibilityTimeout != 15 {
				t.Errorf("it is delayed by %d s", d.VisibilityTimeout)
			}
			// The test does not wait for as long.
			_, err := w.sqs.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &w.refreshes.url, VisibilityTimeout: 0,
				ReceiptHandle: aws.String(decode[struct{ ReceiptHandle string }](t, entry).ReceiptHandle),
			})
			if err != nil {
				t.Fatal(err)
			}
			one := w.published(t, 1)[0]
			if one.Status != "completed" || !one.Coalesced || one.RequestID != requestID || one.UserID != junctiontest.CompletedUserID {
				t.Errorf("the result is %s", one.Detail)
			}
			w.empty(t)
			if calls := w.junction.Calls(junctiontest.CompletedUserID); calls != 1 || len(from.receipts(junctiontest.CompletedUserID)) != 2 {
				t.Errorf("Junction was called %d times, and the message received %d times", calls, len(from.receipts(junctiontest.CompletedUserID)))
			}
			if lines := w.logged(t, "publish"); len(lines) == 0 || lines[0]["error_code"] != "publish_failed" || lines[0]["cause"] == "" {
				t.Errorf("the log says %v", lines)
			}
		})
	}
}

func TestADirectCallWhoseResultCannotBePublishedFails(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil)
	w.inject("PutEvents", 1, refuseEntries(func(int, string) string { return "NotAuthorizedForSourceException" }))
	if answer, err := w.call([]byte(refreshOf(junctiontest.CompletedUserID))); err == nil || !strings.Contains(err.Error(), "PublishFailed") {
		t.Errorf("the answer is %s, the error %v", answer, err)
	}
	if got := readResult(t, w.direct(t, refreshOf(junctiontest.CompletedUserID))); got.Status != "completed" {
		t.Errorf("the next answer is %+v", got)
	}
	w.published(t, 1)
}

func TestOfTheResultsOfABatchThoseAloneAreSentAgainThatTheBusRefused(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil, junctiontest.WithGeneratedUsers(10))
	codes := map[int]string{2: "ThrottlingException", 5: "InternalFailure", 7: "InternalException"}
	w.inject("PutEvents", 1, refuseEntries(func(place int, _ string) string { return codes[place] }))
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, refreshOf(junctiontest.GeneratedUserID(i)))
	}
	if back := failures(t, w.direct(t, batch(t, w.refreshes.arn, bodies...))); len(back) != 0 {
		t.Errorf("the messages %q come back", back)
	}
	puts := w.sent("PutEvents")
	if len(puts) != 2 {
		t.Fatalf("%d calls of PutEvents", len(puts))
	}
	first, again := puts[0].entries(t), puts[1].entries(t)
	if len(first) != 10 || len(again) != len(codes) {
		t.Fatalf("%d entries, and %d again", len(first), len(again))
	}
	for _, entry := range again {
		at := slices.IndexFunc(first, func(one json.RawMessage) bool { return string(one) == string(entry) })
		if codes[at] == "" {
			t.Errorf("entry %d was sent again: %s", at, entry)
		}
	}
	seen := map[string]bool{}
	for _, one := range w.published(t, 10) {
		seen[one.UserID] = true
	}
	if len(seen) != 10 {
		t.Errorf("results of %d users", len(seen))
	}
}

func TestAnEventOnTheBusIsRefreshedByWayOfTheQueueAndTheFunctionsOwnIsNot(t *testing.T) {
	t.Parallel()
	w := newWorker(t, nil)
	w.put(t, "my.app", "Junction User Refresh Requested", refreshOf(junctiontest.DefaultUserID))
	w.put(t, "my.app", "Something Else", refreshOf(junctiontest.SlowUserID))
	w.put(t, "junction.refresh", "Junction User Refresh Requested", refreshOf(junctiontest.SlowUserID))
	w.drain(t, w.results, 1) // the last: whoever reads the bus gets it, the queue of refreshes does not
	w.work(t, 10)
	if one := w.published(t, 1)[0]; one.UserID != junctiontest.DefaultUserID || one.Status != "partial" || one.Timeout != 5 {
		t.Errorf("the result is %s", one.Detail)
	}
	w.empty(t)

	// A rule that is too broad loops neither by the queue nor directly.
	own := `{"version":"0","id":"1","detail-type":"Junction User Refresh Result","source":"junction.refresh","detail":` + refreshOf(junctiontest.SlowUserID) + `}`
	if got := readResult(t, w.direct(t, own)); got.Status != "ignored" {
		t.Errorf("the answer is %+v", got)
	}
	w.send(t, own)
	w.empty(t)
	// Nor does a webhook of Junction's that asks for nothing, whoever hands it on.
	if got := readResult(t, w.direct(t, ignoredBody)); got.Status != "ignored" {
		t.Errorf("the answer is %+v", got)
	}
	if puts, calls := len(w.sent("PutEvents")), w.junction.Total(); puts != 1 || calls != 1 {
		t.Errorf("%d calls of PutEvents and %s of Junction", puts, strconv.Itoa(calls))
	}
}
