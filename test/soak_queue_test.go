package test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// stubborn is how many users Junction never refreshes.
const stubborn = 4

// soak is a fleet that works off a queue.
type soak struct {
	*fleet
	*stack
	soakOptions
	kills   atomic.Int64
	outages atomic.Int64
}

type soakOptions struct {
	users     int
	batch     int // messages an invocation
	window    time.Duration
	killEvery int // calls of Junction
	killMost  int64

	// timeout is an invocation's, and visibility longer than a batch waits, an invocation takes, and clocks
	// may be apart: when a message of a process that was killed comes back, its lease is over.
	timeout, visibility time.Duration
	// back is when a message comes back that the function has listed. It takes the place of the function's
	// own delays, an hour where the quota is used up, for which no test waits. Five times as long is longer
	// than an outage of Secrets Manager: a process without a key is done with a batch sooner than others.
	back time.Duration
}

// soakSize is small, and big under `make soak`.
func soakSize() soakOptions {
	if os.Getenv("JUNCTION_REFRESH_SOAK") != "" {
		return soakOptions{10_000, 100, time.Second, 250, 1000, 15 * time.Second, 18 * time.Second, 6 * time.Second}
	}
	return soakOptions{300, 10, 0, 60, 2, 7 * time.Second, 9 * time.Second, time.Second}
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{soakOptions: soakSize()}
	s.stack = newStack(t, s.visibility)
	vault := secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: aws.String(startMinistack(t)), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	made, err := vault.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("junction/" + s.bus), SecretString: aws.String(teamKey)})
	if err != nil {
		t.Fatal(err)
	}
	env := s.environment()
	for name, value := range map[string]string{
		"JUNCTION_SECRET_ID": *made.ARN, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.URL, "SECRET_TTL": "10s",
		"TIMEOUT_HEADROOM": "500ms", "MAX_ATTEMPTS": "2", "MAX_CONCURRENCY": "10",
	} {
		env[name] = value
	}
	s.fleet = newFleet(t, s.timeout, env, junctiontest.WithKeys(teamKey), junctiontest.WithGeneratedUsers(s.users))
	return s
}

// enqueue asks for every user's refresh, in documents of a few users each, and returns under which
// request ID each user was queued.
func (s *soak) enqueue(t *testing.T) map[string]string {
	t.Helper()
	for few := range slices.Chunk(generated(s.users), 200) {
		answer, ok := s.members[0].invoke(string(encode(t, map[string]any{"user_ids": few, "timeout": 5})))
		if got := decode[many](t, answer); !ok || got.Status != "queued" || got.Summary.Queued != len(few) {
			t.Fatalf("the answer is %s", answer)
		}
	}
	// Messages do not say which entry of a batch they were; the bodies that SQS was sent do.
	requests := map[string]string{}
	for _, call := range s.sent("SendMessageBatch") {
		for _, entry := range call.entries(t) {
			d := decode[document](t, []byte(decode[struct{ MessageBody string }](t, entry).MessageBody))
			if known := requests[d.UserID]; known != "" && known != d.RequestID {
				t.Errorf("user %s was queued under two request IDs", d.UserID)
			}
			requests[d.UserID] = d.RequestID
		}
	}
	if n := s.waiting(t, s.refreshes); len(requests) != s.users || n != s.users {
		t.Fatalf("%d messages for %d users, want %d", n, len(requests), s.users)
	}
	return requests
}

// invoke hands a batch to one of the fleet that is alive, as Lambda does.
func (s *soak) invoke(_ context.Context, event []byte) ([]byte, error) {
	order := rand.Perm(instances)
	for i := 0; ; i++ {
		m := s.members[order[i%instances]]
		m.mu.Lock()
		alive := m.url != ""
		m.mu.Unlock()
		if !alive {
			time.Sleep(pollEvery)
			continue
		}
		answer, ok := m.invoke(string(event))
		if !ok {
			return nil, errors.New("the process was killed")
		}
		if failed := struct{ ErrorType string }{}; json.Unmarshal(answer, &failed) != nil || failed.ErrorType != "" {
			return nil, errors.New(string(answer))
		}
		return answer, nil
	}
}

// workOff hands out messages until none is left, or for so long.
func (s *soak) workOff(ctx context.Context, t *testing.T, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var mapped sync.WaitGroup
	mapped.Go(func() {
		mapping := sqstest.EventSourceMapping{Source: &source{stack: s.stack, from: s.refreshes}, Function: s.invoke, QueueARN: s.refreshes.arn,
			BatchSize: s.batch, BatchingWindow: s.window, MaxConcurrency: instances, Report: func(o sqstest.Outcome) {
				if o.Err == nil { // where the process was killed, its lease still holds
					s.comeBack(ctx, t, o.Remaining)
				} else if !strings.Contains(o.Err.Error(), "killed") {
					t.Error(o.Err)
				}
			}}
		if err := mapping.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for left := s.users; left > 0; wait(ctx, time.Second) {
		if left = s.waiting(t, s.refreshes); ctx.Err() != nil {
			t.Errorf("after %v %d messages are left", within, left)
			break
		}
	}
	cancel()
	mapped.Wait()
}

// comeBack ends the wait of messages that the function has listed.
func (s *soak) comeBack(ctx context.Context, t *testing.T, messages []sqstest.Message) {
	for few := range slices.Chunk(messages, 10) {
		var entries []types.ChangeMessageVisibilityBatchRequestEntry
		for i, m := range few {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(m.ReceiptHandle), VisibilityTimeout: int32(s.back / time.Second),
			})
		}
		_, err := s.sqs.ChangeMessageVisibilityBatch(context.WithoutCancel(ctx), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &s.refreshes.url, Entries: entries})
		if err != nil {
			t.Error(err)
		}
	}
}
