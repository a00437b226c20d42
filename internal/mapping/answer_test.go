package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/mapping"
	"github.com/junction-refresh/junction-refresh/internal/mapping/memory"
)

func TestTheFunctionGetsABatchAsLambdaSendsIt(t *testing.T) {
	q := memory.New(memory.Options{})
	if err := q.Send(t.Context(), []handler.Message{{Body: `{"a":"<&>"}`, TraceHeader: "Root=1-2-3"}, {Body: "b"}}); err != nil {
		t.Fatal(err)
	}
	var payload []byte
	err := mapping.Drain(t.Context(), q, func(_ context.Context, event []byte) ([]byte, error) {
		payload = event
		return []byte(`{"batchItemFailures":[]}`), nil
	}, mapping.Options{ARN: arn})
	if err != nil {
		t.Fatal(err)
	}
	var event struct{ Records []map[string]any }
	if err := json.Unmarshal(payload, &event); err != nil || len(event.Records) != 2 {
		t.Fatalf("%v: %s", err, payload)
	}
	record := event.Records[0]
	for name, want := range map[string]string{
		"body": `{"a":"<&>"}`, "md5OfBody": "ff4346e5e8ab7dfd89199ac0941663a6", "eventSource": "aws:sqs", "eventSourceARN": arn,
		"awsRegion": "eu-central-1", "messageAttributes": "map[]",
	} {
		if got := fmt.Sprint(record[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	attributes := record["attributes"].(map[string]any)
	for _, name := range []string{"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp", "AWSTraceHeader"} {
		if attributes[name] == nil || attributes[name] == "" {
			t.Errorf("there is no attribute %s in %v", name, attributes)
		}
	}
	if record["messageId"] == "" || record["receiptHandle"] == "" || record["messageId"] == event.Records[1]["messageId"] || len(record) != 9 {
		t.Errorf("the record is %v", record)
	}
	if !strings.Contains(string(payload), "<&>") {
		t.Error("the event has HTML's escapes")
	}
}

func TestWhatTheAnswerSaysDecidesWhichMessagesComeBack(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		err          error
		back         int
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
		{"no JSON", `{"batchItemFailures":[]`, nil, 3},
		{"a text", `"done"`, nil, 3},
		{"a list that is none", `{"batchItemFailures":"ID"}`, nil, 3},
		{"IDs alone", `{"batchItemFailures":["ID"]}`, nil, 3},
		{"an empty ID", `{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":""}]}`, nil, 3},
		{"an ID that is null", `{"batchItemFailures":[{"itemIdentifier":null}]}`, nil, 3},
		{"an ID that is a number", `{"batchItemFailures":[{"itemIdentifier":1}]}`, nil, 3},
		{"an ID under another name", `{"batchItemFailures":[{"ItemIdentifier":"ID"}]}`, nil, 3},
		{"an item that is null", `{"batchItemFailures":[null]}`, nil, 3},
		{"an ID of no message", `{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"x"}]}`, nil, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := memory.New(memory.Options{})
			send(t, q, numbered(3)...)
			f := &function{answer: func(batch events.SQSEvent) (string, error) {
				return strings.ReplaceAll(test.answer, "ID", batch.Records[1].MessageId), test.err
			}}
			var out mapping.Outcome
			options := mapping.Options{ARN: arn, Report: func(o mapping.Outcome) { out = o }}
			if err := mapping.Drain(t.Context(), q, f.invoke, options); err != nil {
				t.Fatal(err)
			}
			if q.Len() != test.back || len(out.Back) != test.back || len(out.Messages) != 3 || (out.Err != nil) != (test.back == 3) {
				t.Errorf("%d come back, want %d; reported %+v", q.Len(), test.back, out)
			}
			if test.back == 1 && out.Back[0].Body != "2" {
				t.Errorf("message %s comes back, want 2", out.Back[0].Body)
			}
			if f.got() != "[[1 2 3]]" {
				t.Errorf("the function got %s", f.got())
			}
		})
	}
}
