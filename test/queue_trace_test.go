package test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	callersTrace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	workersTrace = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"
)

// The Runtime Interface Emulator hands no trace on, so this is an instance of the function without it.
func TestATraceGoesWithTheMessageToTheResult(t *testing.T) {
	t.Parallel()
	s := newStack(t, workerVisibility)
	junction := junctiontest.New(junctiontest.WithKeys(teamKey))
	server, err := junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	env := append(list(s.environment()), "JUNCTION_BASE_URL="+server.URL(), "JUNCTION_API_KEY="+teamKey, "CALLER_AUTH=none")
	p, err := start(env, must(t)(buildWorker()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	if err := p.until("listens", func() bool { return strings.HasSuffix(p.stdout.String(), "\n") }); err != nil {
		t.Fatal(err)
	}
	invoke := func(trace, event string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSpace(p.stdout.String()), strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amzn-Trace-Id", trace)
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v: %s %s", err, resp.Status, answer)
		}
		return string(answer)
	}

	invoke(callersTrace, `{"user_ids":["`+junctiontest.CompletedUserID+`"],"timeout":20}`)
	got, err := (&source{stack: s, from: s.refreshes}).Receive(context.WithoutCancel(t.Context()), 10)
	if err != nil || len(got) != 1 || got[0].Attributes["AWSTraceHeader"] != callersTrace {
		t.Fatalf("%v: the messages are %+v", err, got)
	}
	// The worker's own invocation has another trace; the message's goes on.
	record := map[string]any{"messageId": got[0].ID, "body": got[0].Body, "attributes": got[0].Attributes, "eventSource": "aws:sqs", "eventSourceARN": s.refreshes.arn}
	if answer := invoke(workersTrace, string(encode(t, map[string]any{"Records": []any{record}}))); answer != `{"batchItemFailures":[]}` {
		t.Fatalf("the answer is %s", answer)
	}
	puts := s.sent("PutEvents")
	if len(puts) != 1 || len(puts[0].entries(t)) != 1 {
		t.Fatalf("%d calls of PutEvents", len(puts))
	}
	if entry := decode[map[string]string](t, puts[0].entries(t)[0]); entry["TraceHeader"] != callersTrace {
		t.Errorf("the entry is %v", entry)
	}
	// A message of somebody who traces nothing is part of the invocation's trace.
	delete(got[0].Attributes, "AWSTraceHeader")
	invoke(workersTrace, string(encode(t, map[string]any{"Records": []any{record}})))
	puts = s.sent("PutEvents")
	if entry := decode[map[string]string](t, puts[len(puts)-1].entries(t)[0]); entry["TraceHeader"] != workersTrace {
		t.Errorf("the entry is %v", entry)
	}
}
