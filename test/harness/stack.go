package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// MaxReceives is how often a message is received before it becomes a dead letter: template.yaml's maxReceiveCount.
const MaxReceives = 5

// Visibility is the visibility timeout of the queue that WithQueue makes.
const Visibility = time.Second

// Queue is a queue in SQS.
type Queue struct{ URL, ARN string }

// Stack is what template.yaml deploys of SQS and EventBridge, for one test: the queue of refreshes with its
// dead-letter queue, and a bus. The bus has two rules: requests go to the queue of refreshes, and what the function
// publishes goes to a queue of results.
type Stack struct {
	*Proxy // between the stand-in and the function
	SQS    *sqs.Client
	Events *eventbridge.Client

	Bus                             string
	Refreshes, DeadLetters, Results Queue
}

var stacks atomic.Int64

// NewStack makes a stack whose queue has this visibility timeout.
func NewStack(t *testing.T, visibility time.Duration) *Stack {
	t.Helper()
	n := strconv.FormatInt(stacks.Add(1), 10)
	s := StackAt(t, MinistackURL(t), "bus-"+n)
	short := map[string]string{"VisibilityTimeout": "2"} // a message whose answer the test lost becomes visible again
	s.DeadLetters = s.CreateQueue(t, "dead-"+n, short)
	s.Refreshes = s.CreateQueue(t, "refreshes-"+n, map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second)),
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, s.DeadLetters.ARN, MaxReceives),
	})
	s.Results = s.CreateQueue(t, "results-"+n, short)
	_, err := s.Events.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &s.Bus})
	var exists *bustypes.ResourceAlreadyExistsException // the name is new, so this is the answer to the SDK's second attempt
	if err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	s.RouteTo(t, "requests", `{"source":[{"anything-but":["junction.refresh"]}],"detail-type":["Junction User Refresh Requested"]}`, s.Refreshes)
	s.RouteTo(t, "results", `{"source":["junction.refresh"]}`, s.Results)
	return s
}

// StackAt returns the clients of the stand-in at an endpoint, and deploys nothing.
func StackAt(t *testing.T, endpoint, bus string) *Stack {
	t.Helper()
	client := aws.Config{Region: awstest.Region, Credentials: signer, BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: connections()}}
	return &Stack{Proxy: newProxy(t, endpoint), SQS: sqs.NewFromConfig(client), Events: eventbridge.NewFromConfig(client), Bus: bus}
}

// CreateQueue makes a queue.
func (s *Stack) CreateQueue(t *testing.T, name string, attributes map[string]string) Queue {
	t.Helper()
	made, err := s.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return Queue{*made.QueueUrl, s.attribute(t, *made.QueueUrl, types.QueueAttributeNameQueueArn)}
}

// SetVisibilityTimeout changes a queue's visibility timeout.
func (s *Stack) SetVisibilityTimeout(t *testing.T, q Queue, visibility time.Duration) {
	t.Helper()
	_, err := s.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &q.URL, Attributes: map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second)),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// attribute returns an attribute of a queue.
func (s *Stack) attribute(t *testing.T, url string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := s.SQS.GetQueueAttributes(context.WithoutCancel(t.Context()), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes[string(name)]
}

// RouteTo makes a rule that sends what matches a pattern to a queue.
func (s *Stack) RouteTo(t *testing.T, name, pattern string, target Queue) {
	t.Helper()
	_, err := s.Events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &s.Bus, EventPattern: &pattern})
	if err == nil {
		_, err = s.Events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
			Rule: &name, EventBusName: &s.Bus, Targets: []bustypes.Target{{Id: aws.String("queue"), Arn: &target.ARN}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Environ returns the variables that the function needs to use the stack.
func (s *Stack) Environ() map[string]string {
	return map[string]string{
		"REFRESH_QUEUE_URL": s.Refreshes.URL, "AWS_ENDPOINT_URL_SQS": s.URL, "RESULT_BUS": s.Bus, "AWS_ENDPOINT_URL_EVENTBRIDGE": s.URL,
	}
}

// Waiting returns how many messages are on a queue, visible or not.
func (s *Stack) Waiting(t *testing.T, q Queue) (messages int) {
	t.Helper()
	for _, name := range []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	} {
		n, _ := strconv.Atoi(s.attribute(t, q.URL, name))
		messages += n
	}
	return messages
}

// SendMessages puts messages on the queue of refreshes, as an app would.
func (s *Stack) SendMessages(t *testing.T, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := s.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.Refreshes.URL, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
}

// PutEvent puts an event on the bus, as an app would.
func (s *Stack) PutEvent(t *testing.T, source, detailType, detail string) {
	t.Helper()
	out, err := s.Events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []bustypes.PutEventsRequestEntry{
		{EventBusName: &s.Bus, Source: &source, DetailType: &detailType, Detail: &detail},
	}})
	if err != nil || out.FailedEntryCount > 0 {
		t.Fatalf("%v %+v", err, out)
	}
}
