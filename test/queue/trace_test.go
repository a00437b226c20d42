package queue

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

const (
	callersTrace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	workersTrace = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"
)

// The Runtime Interface Emulator passes no trace on, so this test runs the function without it.
func TestTraceIsPropagatedThroughTheQueueToTheResult(t *testing.T) {
	t.Parallel()
	aws := harness.NewStack(t, harness.Visibility)
	env := aws.Environ()
	_, env["JUNCTION_BASE_URL"] = harness.NewSimulator(t)
	env["JUNCTION_API_KEY"] = harness.TeamKey
	worker := harness.NewWorker(t, 20*time.Second, env)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	invoke := func(trace, event string) string {
		t.Helper()
		answer, ok := worker.InvokeTraced(event, trace)
		if !ok {
			t.Fatalf("there is no answer: %s", worker.Log())
		}
		if failed := harness.Decode[harness.LambdaError](t, answer); failed.Type != "" {
			t.Fatalf("the answer is %s", answer)
		}
		return string(answer)
	}

	invoke(callersTrace, `{"user_ids":["`+junctiontest.CompletedUserID+`"],"timeout":20}`)
	got, err := aws.Source(aws.Refreshes).Receive(context.WithoutCancel(t.Context()), 10)
	if err != nil || len(got) != 1 || got[0].Attributes["AWSTraceHeader"] != callersTrace {
		t.Fatalf("%v: the messages are %+v", err, got)
	}
	// The worker's invocation has a trace of its own; the message's goes on.
	message := events.SQSMessage{MessageId: got[0].ID, Body: got[0].Body, Attributes: got[0].Attributes, EventSourceARN: aws.Refreshes.ARN}
	if answer := invoke(workersTrace, awstest.SQSEvent(message)); answer != `{"batchItemFailures":[]}` {
		t.Fatalf("the answer is %s", answer)
	}
	if puts := aws.Calls("PutEvents"); len(puts) != 1 || len(puts[0].Entries(t)) != 1 {
		t.Fatalf("PutEvents was called %d times", len(puts))
	}
	checkTrace(t, aws, callersTrace)
	// Without a trace of the message's own, the result gets the invocation's.
	delete(message.Attributes, "AWSTraceHeader")
	invoke(workersTrace, awstest.SQSEvent(message))
	checkTrace(t, aws, workersTrace)
}

// checkTrace checks the trace header of the latest result.
func checkTrace(t *testing.T, aws *harness.Stack, want string) {
	t.Helper()
	puts := aws.Calls("PutEvents")
	if entry := harness.Decode[map[string]string](t, puts[len(puts)-1].Entries(t)[0]); entry["TraceHeader"] != want {
		t.Errorf("the trace header is %q, want %q", entry["TraceHeader"], want)
	}
}
