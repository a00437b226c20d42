package awstest_test

import (
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

func TestSQSBatchAndSQSEvent(t *testing.T) {
	const ofBody = `"md5OfBody": "ff4346e5e8ab7dfd89199ac0941663a6", "messageAttributes": {}, "eventSource": "aws:sqs"`
	for _, test := range []struct{ name, event, want string }{
		{"no message", awstest.SQSBatch(), `{"Records": []}`},
		{"two bodies", awstest.SQSBatch(`{"a":"<&>"}`, `{"a":"<&>"}`), `{"Records": [
			{"messageId": "m0", "receiptHandle": "handle-m0", "body": "{\"a\":\"<&>\"}", "attributes": {"ApproximateReceiveCount": "1"},
				"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:refreshes", "awsRegion": "us-east-1", ` + ofBody + `},
			{"messageId": "m1", "receiptHandle": "handle-m1", "body": "{\"a\":\"<&>\"}", "attributes": {"ApproximateReceiveCount": "1"},
				"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:refreshes", "awsRegion": "us-east-1", ` + ofBody + `}
		]}`},
		{"a message of a test's own", awstest.SQSEvent(events.SQSMessage{
			MessageId: "id", ReceiptHandle: "handle", Body: `{"a":"<&>"}`, Attributes: map[string]string{"ApproximateReceiveCount": "3"},
			EventSourceARN: "arn:aws:sqs:eu-west-1:1:other",
		}), `{"Records": [
			{"messageId": "id", "receiptHandle": "handle", "body": "{\"a\":\"<&>\"}", "attributes": {"ApproximateReceiveCount": "3"},
				"eventSourceARN": "arn:aws:sqs:eu-west-1:1:other", "awsRegion": "eu-west-1", ` + ofBody + `}
		]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(decode[any](t, test.want), decode[any](t, test.event)); diff != "" {
				t.Errorf("the event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventBridgeEvent(t *testing.T) {
	want := `{
		"version": "0", "id": "3f6c1b0a-5b7e-4d9e-9a55-6f0b8f1f2c11", "detail-type": "Junction User Refresh Requested", "source": "my.app",
		"account": "123456789012", "time": "2026-11-23T18:12:30Z", "region": "us-east-1", "resources": [], "detail": {"user_id": "x"}
	}`
	if diff := cmp.Diff(decode[any](t, want), decode[any](t, awstest.EventBridgeEvent("my.app", `{"user_id":"x"}`))); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
}
