package deploy

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestTheRunbooksCommandsSendDeadInvocationsAndEventsAgain(t *testing.T) {
	t.Parallel()
	program(t, "jq")
	d := deploy(t, map[string]string{"QueueState": "DISABLED"}, nil)
	dead, queue := d.Outputs["DeadLetterQueueUrl"], d.Outputs["RefreshQueueUrl"]
	payload, event := harness.ReadFile(t, "events/direct.json"), harness.ReadFile(t, "events/eventbridge.json")
	for _, body := range []string{
		`{"version":"1.0","requestContext":{"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":` + payload +
			`,"responseContext":{"statusCode":200,"functionError":"Unhandled"},"responsePayload":{"errorType":"UpstreamUnavailable"}}`,
		event,
		`{"what":"neither an invocation nor an event"}`,
	} {
		if _, err := d.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &dead, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	script := blockOf(t, "docs/runbook.md", "sh", "requestPayload")
	for name, value := range map[string]string{"dead": dead, "queue": queue} {
		script = regexp.MustCompile(`(?m)^`+name+`=\S*`).ReplaceAllString(script, name+"="+value)
	}
	newShell(t, d.endpoint).run(t, "", "sh", "-c", script)
	var got []string
	for _, m := range d.Drain(t, harness.Queue{URL: queue}, 2) {
		got = append(got, compact(t, m.Body))
	}
	want := []string{compact(t, payload), compact(t, event)}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on the queue (-want +got):\n%s", diff)
	}
	if left := d.Waiting(t, harness.Queue{URL: dead}); left != 1 {
		t.Errorf("%d dead letters are left, want the one that nothing can be done with", left)
	}
}

// compact writes JSON in one way.
func compact(t *testing.T, document string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	return text(value)
}
