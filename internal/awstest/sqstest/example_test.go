package sqstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// A function that fails one message of two, and reports which.
func ExampleEventSourceMapping() {
	queue := sqstest.NewQueue(sqstest.QueueOptions{})
	if err := queue.Send(context.Background(), []handler.Message{{Body: "works"}, {Body: "fails"}}); err != nil {
		log.Fatal(err)
	}
	mapping := sqstest.EventSourceMapping{
		Source: queue,
		Function: func(_ context.Context, event []byte) ([]byte, error) {
			var batch events.SQSEvent
			if err := json.Unmarshal(event, &batch); err != nil {
				return nil, err
			}
			answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
			for _, record := range batch.Records {
				if record.Body == "fails" {
					answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
				}
			}
			return json.Marshal(answer)
		},
		Report: func(outcome sqstest.Outcome) {
			fmt.Printf("a batch of %d; to be retried: %s\n", len(outcome.Messages), outcome.Remaining[0].Body)
		},
	}
	if err := mapping.Drain(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("on the queue: %d\n", queue.Len())
	// Output:
	// a batch of 2; to be retried: fails
	// on the queue: 1
}
