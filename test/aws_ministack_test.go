package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// receives is how often a message is received before it is a dead letter, as template.yaml's
// maxReceiveCount.
const receives = 5

// ministack returns the stand-in of SQS and EventBridge. Moto, which has them too, moves 40 messages a
// second, and has no event source mapping without Docker.
func ministack(t *testing.T) string {
	t.Helper()
	if own, err := exec.LookPath("ministack"); err == nil && os.Getenv("JUNCTION_REFRESH_TOOLS") != "required" {
		return own
	}
	return tool(t, "ministack", ".tools/ministack/bin/ministack")
}

var (
	ministackOnce sync.Once
	ministackURL  string
	errMinistack  error
)

// startMinistack starts it, once for all tests.
func startMinistack(t *testing.T) string {
	t.Helper()
	server := ministack(t)
	ministackOnce.Do(func() {
		var address string
		if address, errMinistack = freeAddress(); errMinistack != nil {
			return
		}
		// A home of its own: it is asked for nothing but memory, and must find nobody's AWS files.
		env := []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + scratch, "TMPDIR=" + scratch, "LOG_LEVEL=WARNING",
			"BIND_HOST=127.0.0.1", "MINISTACK_HOST=127.0.0.1", "GATEWAY_PORT=" + port(address), "SERVICES=sqs,events,secretsmanager",
		}
		var p *process
		if p, errMinistack = start(env, server); errMinistack != nil {
			return
		}
		shared.add(p)
		ministackURL = "http://" + address
		errMinistack = p.serving(ministackURL + "/_ministack/health")
	})
	if errMinistack != nil {
		t.Fatal(errMinistack)
	}
	return ministackURL
}

// awsQueue is a queue in SQS.
type awsQueue struct{ url, arn string }

// stack is what template.yaml makes of SQS and EventBridge, for one test: the queue of refreshes with its
// dead-letter queue, and a bus. The bus has two rules: requests go to the queue of refreshes, and what
// the function publishes goes to a queue of results.
type stack struct {
	*awsProxy // what stands between it and the function
	sqs       *sqs.Client
	events    *eventbridge.Client

	bus                      string
	refreshes, dead, results awsQueue
}

var stacks atomic.Int64

// newStack makes a stack whose messages are out of sight for so long.
func newStack(t *testing.T, visibility time.Duration) *stack {
	t.Helper()
	n := strconv.FormatInt(stacks.Add(1), 10)
	s := stackAt(t, startMinistack(t), "bus-"+n)
	seen := map[string]string{"VisibilityTimeout": "2"} // what a test was handed in vain comes again
	s.dead = s.queue(t, "dead-"+n, seen)
	s.refreshes = s.queue(t, "refreshes-"+n, map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second)),
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, s.dead.arn, receives),
	})
	s.results = s.queue(t, "results-"+n, seen)
	if _, err := s.events.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &s.bus}); err != nil {
		t.Fatal(err)
	}
	s.rule(t, "requests", `{"source":[{"anything-but":["junction.refresh"]}],"detail-type":["Junction User Refresh Requested"]}`, s.refreshes)
	s.rule(t, "results", `{"source":["junction.refresh"]}`, s.results)
	return s
}

// stackAt returns the clients of a stand-in, and nothing in it.
func stackAt(t *testing.T, endpoint, bus string) *stack {
	t.Helper()
	signer := credentials.NewStaticCredentialsProvider("test", "test", "")
	client := aws.Config{Region: region, Credentials: signer, BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: connections()}}
	return &stack{awsProxy: newAWSProxy(t, endpoint), sqs: sqs.NewFromConfig(client), events: eventbridge.NewFromConfig(client), bus: bus}
}

func (s *stack) queue(t *testing.T, name string, attributes map[string]string) awsQueue {
	t.Helper()
	made, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return awsQueue{*made.QueueUrl, s.attribute(t, *made.QueueUrl, types.QueueAttributeNameQueueArn)}
}

// hide changes for how long a queue's messages are out of sight.
func (s *stack) hide(t *testing.T, q awsQueue, visibility time.Duration) {
	t.Helper()
	_, err := s.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &q.url, Attributes: map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(visibility / time.Second)),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stack) attribute(t *testing.T, url string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := s.sqs.GetQueueAttributes(context.WithoutCancel(t.Context()), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes[string(name)]
}

func (s *stack) rule(t *testing.T, name, pattern string, target awsQueue) {
	t.Helper()
	_, err := s.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &s.bus, EventPattern: &pattern})
	if err == nil {
		_, err = s.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
			Rule: &name, EventBusName: &s.bus, Targets: []bustypes.Target{{Id: aws.String("queue"), Arn: &target.arn}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// environment is what the function needs to use the stack.
func (s *stack) environment() map[string]string {
	return map[string]string{
		"REFRESH_QUEUE_URL": s.refreshes.url, "AWS_ENDPOINT_URL_SQS": s.URL, "RESULT_BUS": s.bus, "AWS_ENDPOINT_URL_EVENTBRIDGE": s.URL,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": region,
	}
}

// waiting is how many messages are on a queue, those too that are out of sight.
func (s *stack) waiting(t *testing.T, q awsQueue) int {
	t.Helper()
	visible, _ := strconv.Atoi(s.attribute(t, q.url, types.QueueAttributeNameApproximateNumberOfMessages))
	hidden, _ := strconv.Atoi(s.attribute(t, q.url, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible))
	return visible + hidden
}

// send puts messages on the queue of refreshes as an app would.
func (s *stack) send(t *testing.T, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := s.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.refreshes.url, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
}

// put puts an event on the bus as an app would.
func (s *stack) put(t *testing.T, source, detailType, detail string) {
	t.Helper()
	out, err := s.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []bustypes.PutEventsRequestEntry{
		{EventBusName: &s.bus, Source: &source, DetailType: &detailType, Detail: &detail},
	}})
	if err != nil || out.FailedEntryCount > 0 {
		t.Fatalf("%v %+v", err, out)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
