package queue

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestUnpublishedResultIsRetriedWithoutASecondRefresh(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]junctiontest.Fault{
		"the bus is down":                       junctiontest.Status(http.StatusInternalServerError),
		"the bus resets connections":            junctiontest.ResetConnection(),
		"the bus throttles":                     harness.RejectEntries(func(int, string) string { return "ThrottlingException" }),
		"the bus rejects the function for good": harness.RejectEntries(func(int, string) string { return "NotAuthorizedForDetailTypeException" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithQueue(), harness.WithEnv(map[string]string{"QUOTA_LIMIT": "8", "COALESCE_WINDOW": "60s"}))
			requestID := checkQueued(t, f.PostHTTPAPI(t, completedPath, respondAsync, ""))
			f.AWS.Inject("PutEvents", junctiontest.Always, fault)
			from, _ := f.Consume(t, 10)
			harness.Eventually(t, 15*time.Second, "the message is delayed", func() bool {
				calls := f.AWS.Calls("ChangeMessageVisibilityBatch")
				return len(calls) == 1 && calls[0].Status == http.StatusOK
			})
			f.AWS.ClearFaults("PutEvents")
			endDelay(t, f, 15)
			published := f.AWS.Published(t, 1)[0]
			if published.Status != "completed" || !published.Coalesced || published.RequestID != requestID || published.UserID != junctiontest.CompletedUserID {
				t.Errorf("the result is %+v", published)
			}
			f.AWS.WaitUntilQueueIsEmpty(t)
			checkRefreshed(t, f, junctiontest.CompletedUserID, 1)
			if n := len(from.ReceivedFor(junctiontest.CompletedUserID)); n != 2 {
				t.Errorf("the message was received %d times, want 2", n)
			}
			if lines := f.Logged(t, "publish"); len(lines) == 0 || lines[0]["error_code"] != "publish_failed" || lines[0]["cause"] == "" {
				t.Errorf("the log lines are %v", lines)
			}
		})
	}
}

// endDelay checks for how many seconds the function delayed the first message, and makes it visible at once, so that
// the test need not wait.
func endDelay(t *testing.T, f *harness.Function, seconds int) {
	t.Helper()
	entry := harness.Decode[struct {
		VisibilityTimeout int
		ReceiptHandle     string
	}](t, f.AWS.Calls("ChangeMessageVisibilityBatch")[0].Entries(t)[0])
	if entry.VisibilityTimeout != seconds {
		t.Errorf("it is delayed by %d s, want %d s", entry.VisibilityTimeout, seconds)
	}
	_, err := f.AWS.SQS.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &f.AWS.Refreshes.URL, VisibilityTimeout: 0, ReceiptHandle: aws.String(entry.ReceiptHandle),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirectCallFailsIfItsResultCannotBePublished(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue())
	f.AWS.Inject("PutEvents", 1, harness.RejectEntries(func(int, string) string { return "NotAuthorizedForSourceException" }))
	answer, err := f.Try([]byte(refreshOf(junctiontest.CompletedUserID)))
	var failed *harness.LambdaError
	if !errors.As(err, &failed) || failed.Type != "PublishFailed" {
		t.Errorf("the answer is %s, the error %v", answer, err)
	}
	if got := harness.ReadResult(t, f.Invoke(t, refreshOf(junctiontest.CompletedUserID))); got.Status != "completed" {
		t.Errorf("the next status is %q", got.Status)
	}
	f.AWS.Published(t, 1)
}

func TestOnlyRejectedResultsAreResent(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(junctiontest.WithGeneratedUsers(10)))
	codes := map[int]string{2: "ThrottlingException", 5: "InternalFailure", 7: "InternalException"}
	f.AWS.Inject("PutEvents", 1, harness.RejectEntries(func(index int, _ string) string { return codes[index] }))
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, refreshOf(junctiontest.GeneratedUserID(i)))
	}
	if failed := harness.BatchItemFailures(t, f.Invoke(t, f.AWS.BatchEvent(bodies...))); len(failed) != 0 {
		t.Errorf("the messages %q failed", failed)
	}
	puts := f.AWS.Calls("PutEvents")
	if len(puts) != 2 {
		t.Fatalf("PutEvents was called %d times, want 2", len(puts))
	}
	first, again := puts[0].Entries(t), puts[1].Entries(t)
	if len(first) != 10 || len(again) != len(codes) {
		t.Fatalf("%d entries, and %d again", len(first), len(again))
	}
	for _, entry := range again {
		index := slices.IndexFunc(first, func(e json.RawMessage) bool { return string(e) == string(entry) })
		if codes[index] == "" {
			t.Errorf("entry %d was sent again: %s", index, entry)
		}
	}
	users := map[string]bool{}
	for _, result := range f.AWS.Published(t, 10) {
		users[result.UserID] = true
	}
	if len(users) != 10 {
		t.Errorf("results of %d users, want 10", len(users))
	}
}

func TestBusEventIsRefreshedThroughTheQueueAndOwnEventsAreIgnored(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue())
	f.AWS.PutEvent(t, "my.app", "Junction User Refresh Requested", refreshOf(junctiontest.DefaultUserID))
	f.AWS.PutEvent(t, "my.app", "Something Else", refreshOf(junctiontest.SlowUserID))
	f.AWS.PutEvent(t, "junction.refresh", "Junction User Refresh Requested", refreshOf(junctiontest.SlowUserID))
	f.AWS.Drain(t, f.AWS.Results, 1) // the last: the bus delivers it, but not to the queue of refreshes
	f.Consume(t, 10)
	if published := f.AWS.Published(t, 1)[0]; published.UserID != junctiontest.DefaultUserID || published.Status != "partial" || published.Timeout != 5 {
		t.Errorf("the result is %+v", published)
	}
	f.AWS.WaitUntilQueueIsEmpty(t)

	// A rule that is too broad causes no loop, neither through the queue nor directly.
	own := `{"version":"0","id":"1","detail-type":"Junction User Refresh Result","source":"junction.refresh","detail":` + refreshOf(junctiontest.SlowUserID) + `}`
	checkIgnored(t, f, own)
	f.AWS.SendMessages(t, own)
	f.AWS.WaitUntilQueueIsEmpty(t)
	// Nor does a webhook of Junction's that refreshes nobody, whoever passes it on.
	checkIgnored(t, f, harness.IgnoredWebhook)
	checkPublishCalls(t, f, 1)
	if calls := f.Simulator.Count(junctiontest.RefreshCall, ""); calls != 1 {
		t.Errorf("Junction was asked for %d refreshes, want 1", calls)
	}
}

func checkIgnored(t *testing.T, f *harness.Function, event string) {
	t.Helper()
	if got := harness.ReadResult(t, f.Invoke(t, event)); got.Status != "ignored" {
		t.Errorf("status is %q, want ignored", got.Status)
	}
}
