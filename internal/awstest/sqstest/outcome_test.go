package sqstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

func TestTheFunctionReceivesABatchAsLambdaSendsIt(t *testing.T) {
	const arn = "arn:aws:sqs:eu-central-1:123456789012:queue"
	q := sqstest.NewQueue(sqstest.QueueOptions{})
	if err := q.Send(t.Context(), []handler.Message{{Body: `{"a":"<&>"}`, TraceHeader: "Root=1-2-3"}, {Body: "b"}}); err != nil {
		t.Fatal(err)
	}
	var payload []byte
	err := sqstest.EventSourceMapping{Source: q, QueueARN: arn, Function: func(_ context.Context, event []byte) ([]byte, error) {
		payload = event
		return []byte(`{"batchItemFailures":[]}`), nil
	}}.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var event struct{ Records []map[string]any }
	if err := json.Unmarshal(payload, &event); err != nil || len(event.Records) != 2 {
		t.Fatalf("%v: %s", err, payload)
	}
	if !strings.Contains(string(payload), "<&>") {
		t.Error("the event has HTML's escapes")
	}
	record := event.Records[0]
	attributes := record["attributes"].(map[string]any)
	if record["messageId"] == "" || record["receiptHandle"] == "" || record["messageId"] == event.Records[1]["messageId"] {
		t.Errorf("the record has no ID or receipt handle of its own: %v", record)
	}
	sent, _ := attributes["SentTimestamp"].(string)
	received, _ := attributes["ApproximateFirstReceiveTimestamp"].(string)
	if len(sent) != 13 || len(received) != 13 {
		t.Errorf("the attributes have no times: %v", attributes)
	}
	want := map[string]any{
		"messageId": record["messageId"], "receiptHandle": record["receiptHandle"], "body": `{"a":"<&>"}`,
		"attributes": map[string]any{
			"ApproximateReceiveCount": "1", "SentTimestamp": sent, "ApproximateFirstReceiveTimestamp": received,
			"SenderId": "AIDALOCAL", "AWSTraceHeader": "Root=1-2-3",
		},
		"messageAttributes": map[string]any{}, "md5OfBody": "ff4346e5e8ab7dfd89199ac0941663a6",
		"eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": "eu-central-1",
	}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
}

func TestTheAnswerDecidesWhichMessagesAreRetried(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		err          error
		retried      int
	}{
		{"no answer", "", nil, 0},
		{"null", "null", nil, 0},
		{"an empty object", "{}", nil, 0},
		{"another object", `{"statusCode":200}`, nil, 0},
		{"no list", `{"batchItemFailures":null}`, nil, 0},
		{"an empty list", ` {"batchItemFailures":[]}`, nil, 0},
		{"the list under another name", `{"BatchItemFailures":[{"itemIdentifier":"ID"}]}`, nil, 0},
		{"one message", `{"batchItemFailures":[{"itemIdentifier":"ID"}]}`, nil, 1},
		{"one message twice", `{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"ID"}]}`, nil, 1},
		{"an error", "", errors.New("out of luck"), 3},
		{"an error with an answer", `{"batchItemFailures":[]}`, errors.New("out of luck"), 3},
		{"not JSON", `{"batchItemFailures":[]`, nil, 3},
		{"a string", `"done"`, nil, 3},
		{"a string instead of the list", `{"batchItemFailures":"ID"}`, nil, 3},
		{"strings instead of objects", `{"batchItemFailures":["ID"]}`, nil, 3},
		{"an empty ID", `{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":""}]}`, nil, 3},
		{"an ID that is null", `{"batchItemFailures":[{"itemIdentifier":null}]}`, nil, 3},
		{"an ID that is a number", `{"batchItemFailures":[{"itemIdentifier":1}]}`, nil, 3},
		{"an ID under another name", `{"batchItemFailures":[{"ItemIdentifier":"ID"}]}`, nil, 3},
		{"an item that is null", `{"batchItemFailures":[null]}`, nil, 3},
		{"an ID that is not of the batch", `{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"x"}]}`, nil, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := sqstest.NewQueue(sqstest.QueueOptions{})
			send(t, q, numbers(3)...)
			f := &function{answer: func(batch events.SQSEvent) (string, error) {
				return strings.ReplaceAll(test.answer, "ID", batch.Records[1].MessageId), test.err
			}}
			var out sqstest.Outcome
			mapping := sqstest.EventSourceMapping{Source: q, Function: f.invoke, Report: func(o sqstest.Outcome) { out = o }}
			if err := mapping.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if q.Len() != test.retried || len(out.Remaining) != test.retried || len(out.Messages) != 3 || (out.Err != nil) != (test.retried == 3) {
				t.Errorf("%d messages left, want %d; reported %+v", q.Len(), test.retried, out)
			}
			if test.retried == 1 && out.Remaining[0].Body != "2" {
				t.Errorf("message %s is retried, want 2", out.Remaining[0].Body)
			}
			if diff := cmp.Diff([][]string{{"1", "2", "3"}}, f.batches); diff != "" {
				t.Errorf("the batches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeletesAreOfTenMessagesAndAFailedDeleteIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second []sqstest.Message
		for i := range 13 {
			m := sqstest.Message{ID: fmt.Sprint(i + 1), Body: "x"}
			if i < 10 {
				first = append(first, m)
			} else {
				second = append(second, m)
			}
		}
		source := &scriptedSource{receives: []any{first, second}, deletes: []error{errNoNetwork}}
		f := &function{answer: func(events.SQSEvent) (string, error) { return failing("2"), nil }}
		var out sqstest.Outcome
		err := sqstest.EventSourceMapping{
			Source: source, Function: f.invoke, BatchSize: 100, BatchingWindow: time.Second, Report: func(o sqstest.Outcome) { out = o },
		}.Drain(t.Context())
		if diff := cmp.Diff([]int{10, 2}, source.deleted); err != nil || diff != "" {
			t.Errorf("%v, and the sizes of the deletes (-want +got):\n%s", err, diff)
		}
		if len(out.Messages) != 13 || len(out.Remaining) != 11 || !errors.Is(out.Err, errNoNetwork) {
			t.Errorf("reported %+v", out)
		}
	})
}
