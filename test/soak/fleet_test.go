package soak

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// unrefreshable is the number of users whom Junction never refreshes: the first ones.
const unrefreshable = 4

// soak is a fleet that consumes a queue.
type soak struct {
	*harness.Fleet
	*harness.Stack
	size
	kills    atomic.Int64
	outages  atomic.Int64
	onKilled func(sqstest.Outcome) // is told of a batch whose process was killed; may be nil
}

// size is how big a soak is.
type size struct {
	users     int
	batchSize int
	window    time.Duration // for which a batch is collected
	killEvery int           // calls of Junction
	maxKills  int64

	// timeout is an invocation's. visibility is longer than a batch is collected, an invocation takes, and clocks may
	// differ, so that when the messages of a killed process are received again, its lease has ended.
	timeout, visibility time.Duration
	// retryAfter replaces the function's own delays, an hour if the quota is used up, for which no test waits. Five
	// times as long is longer than an outage of Secrets Manager, because a process without a key fails a batch fast.
	retryAfter time.Duration
}

func newSize() size {
	if harness.Soaking() {
		return size{
			users: 10_000, batchSize: 100, window: time.Second, killEvery: 250, maxKills: 1000,
			timeout: 15 * time.Second, visibility: 18 * time.Second, retryAfter: 6 * time.Second,
		}
	}
	return size{
		users: 300, batchSize: 10, killEvery: 60, maxKills: 2,
		timeout: 7 * time.Second, visibility: 9 * time.Second, retryAfter: time.Second,
	}
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{size: newSize()}
	s.Stack = harness.NewStack(t, s.visibility)
	env := s.Environ()
	maps.Copy(env, map[string]string{
		"JUNCTION_SECRET_ID": harness.NewSecretAt(t, harness.MinistackURL(t), harness.TeamKey).ARN, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.URL,
		"SECRET_TTL": "10s", "TIMEOUT_HEADROOM": "500ms", "MAX_ATTEMPTS": "2", "MAX_CONCURRENCY": "10",
	})
	s.Fleet = harness.NewFleet(t, s.timeout, env, junctiontest.WithKeys(harness.TeamKey), junctiontest.WithGeneratedUsers(s.users))
	return s
}

// enqueue asks for every user's refresh, in documents of a few users each, and returns the request ID under which each
// user was queued.
func (s *soak) enqueue(t *testing.T) map[string]string {
	t.Helper()
	for few := range slices.Chunk(harness.GeneratedUserIDs(s.users), 200) {
		answer, ok := s.Members[0].Invoke(string(harness.Encode(t, map[string]any{"user_ids": few, "timeout": 5})))
		if !ok {
			t.Fatal("there is no answer")
		}
		got := harness.Decode[struct {
			Status  string
			Summary struct{ Queued int }
		}](t, answer)
		if got.Status != "queued" || got.Summary.Queued != len(few) {
			t.Fatalf("the answer is %s", answer)
		}
	}
	requests := map[string]string{}
	for _, call := range s.Stack.Calls("SendMessageBatch") {
		for _, entry := range call.Entries(t) {
			m := harness.ReadMessage(t, harness.Decode[struct{ MessageBody string }](t, entry).MessageBody)
			if known := requests[m.UserID]; known != "" && known != m.RequestID {
				t.Errorf("user %s was queued under two request IDs", m.UserID)
			}
			requests[m.UserID] = m.RequestID
		}
	}
	if n := s.Waiting(t, s.Refreshes); len(requests) != s.users || n != s.users {
		t.Fatalf("%d messages for %d users, want %d", n, len(requests), s.users)
	}
	return requests
}

var errKilled = errors.New("the process was killed")

// invoke hands a batch to a running member of the fleet, as Lambda does.
func (s *soak) invoke(_ context.Context, event []byte) ([]byte, error) {
	order := rand.Perm(harness.Instances)
	for i := 0; ; i++ {
		m := s.Members[order[i%harness.Instances]]
		if !m.Running() {
			time.Sleep(harness.PollEvery)
			continue
		}
		answer, ok := m.Invoke(string(event))
		if !ok {
			return nil, errKilled
		}
		var failed harness.LambdaError
		if json.Unmarshal(answer, &failed) != nil || failed.Type != "" {
			return nil, errors.New(string(answer))
		}
		return answer, nil
	}
}

// consume hands messages to the fleet until none is left. The test fails if that takes longer than a time.
func (s *soak) consume(ctx context.Context, t *testing.T, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		mapping := sqstest.EventSourceMapping{
			Source: s.Source(s.Refreshes), Function: s.invoke, QueueARN: s.Refreshes.ARN,
			BatchSize: s.batchSize, BatchingWindow: s.window, MaxConcurrency: harness.Instances,
			Report: func(o sqstest.Outcome) { s.handleOutcome(ctx, t, o) },
		}
		if err := mapping.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for left := s.users; left > 0; harness.Pause(ctx, time.Second) {
		if left = s.Waiting(t, s.Refreshes); ctx.Err() != nil {
			t.Errorf("after %v %d messages are left", within, left)
			break
		}
	}
	cancel()
	running.Wait()
}

// handleOutcome shortens the delays of the messages that failed. After a kill they stay hidden, because the lease of
// the process still holds.
func (s *soak) handleOutcome(ctx context.Context, t *testing.T, o sqstest.Outcome) {
	switch {
	case o.Err == nil:
		s.retrySoon(ctx, t, o.Remaining)
	case !strings.Contains(o.Err.Error(), errKilled.Error()):
		t.Error(o.Err)
	case s.onKilled != nil:
		s.onKilled(o)
	}
}

// retrySoon makes messages visible after retryAfter.
func (s *soak) retrySoon(ctx context.Context, t *testing.T, messages []sqstest.Message) {
	t.Helper()
	for few := range slices.Chunk(messages, 10) {
		var entries []types.ChangeMessageVisibilityBatchRequestEntry
		for i, m := range few {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(m.ReceiptHandle), VisibilityTimeout: int32(s.retryAfter / time.Second),
			})
		}
		_, err := s.SQS.ChangeMessageVisibilityBatch(context.WithoutCancel(ctx), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &s.Refreshes.URL, Entries: entries})
		if err != nil {
			t.Error(err)
		}
	}
}
