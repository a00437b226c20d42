package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// worker is the built function with a queue, a bus, and a simulator of Junction.
type worker struct {
	*lambda
	*stack
	junction *junctiontest.Simulator
	one      sync.Mutex // the emulator takes one invocation at a time
}

// workerVisibility is how long messages that fail are out of sight.
const workerVisibility = time.Second

// newWorker starts one. Each of the tests' own users may be refreshed as often as the test likes; what
// another environment says goes before that.
func newWorker(t *testing.T, env map[string]string, options ...junctiontest.Option) *worker {
	t.Helper()
	w := &worker{stack: newStack(t, workerVisibility)}
	w.junction = junctiontest.New(append([]junctiontest.Option{junctiontest.WithKeys(teamKey), junctiontest.WithLimit(0, 0)}, options...)...)
	server, err := w.junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	more := map[string]string{"JUNCTION_BASE_URL": server.URL()}
	maps.Copy(more, env)
	w.lambda = startLambda(t, 30, newSecret(t, callerBundle).environment(), w.environment(), more)
	t.Cleanup(func() {
		for _, never := range []string{teamKey, callerToken, callerSecret, strings.TrimPrefix(callerSecret, "whsec_"), marker} {
			if strings.Contains(w.output(), never) {
				t.Errorf("%q is in the log", never)
			}
		}
	})
	return w
}

// call sends an event. An error is a Lambda error.
func (w *worker) call(event []byte) ([]byte, error) {
	w.one.Lock()
	defer w.one.Unlock()
	client := &http.Client{Timeout: 100 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(w.url, "application/json", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, errors.Join(err, errors.New(resp.Status))
	}
	var failed struct{ ErrorType string }
	if json.Unmarshal(answer, &failed) == nil && failed.ErrorType != "" {
		return nil, errors.New(string(answer))
	}
	return answer, nil
}

// direct sends an event that must not fail, and returns the answer.
func (w *worker) direct(t *testing.T, event string) []byte {
	t.Helper()
	answer, err := w.call([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// post sends a request as an HTTP API does.
func (w *worker) post(t *testing.T, path string, header http.Header, body string) knocked {
	t.Helper()
	joined := map[string]string{}
	for name, values := range header {
		joined[strings.ToLower(name)] = strings.Join(values, ",")
	}
	path, query, _ := strings.Cut(path, "?")
	answer := w.direct(t, string(encode(t, map[string]any{
		"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": joined, "body": body,
		"requestContext": map[string]any{"http": map[string]string{"method": "POST", "path": path}},
	})))
	got := decode[struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}](t, answer)
	return knocked{got.StatusCode, got.Headers, got.Body}
}

// work hands the messages of the queue to the function, as Lambda's event source mapping does, until stop
// or the end of the test.
func (w *worker) work(t *testing.T, size int) (from *source, stop func()) {
	t.Helper()
	from = &source{stack: w.stack, from: w.refreshes}
	mapping := sqstest.EventSourceMapping{
		Source: from, QueueARN: w.refreshes.arn, BatchSize: size, MaxConcurrency: 1,
		Function: func(_ context.Context, event []byte) ([]byte, error) { return w.call(event) },
	}
	if size > 10 {
		mapping.BatchingWindow = time.Second
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- mapping.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return from, stop
}

// empty waits until no message is left on the queue of refreshes.
func (w *worker) empty(t *testing.T) {
	t.Helper()
	eventually(t, 10*time.Second, "the queue is empty", func() bool { return w.waiting(t, w.refreshes) == 0 })
}

// batch is what an event source mapping sends for these bodies, with the message IDs "0", "1", ….
func batch(t *testing.T, arn string, bodies ...string) string {
	t.Helper()
	var records []map[string]any
	for i, body := range bodies {
		records = append(records, map[string]any{
			"messageId": string(rune('0' + i)), "receiptHandle": "handle-" + marker, "body": body, "eventSource": "aws:sqs",
			"eventSourceARN": arn, "awsRegion": region, "attributes": map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	return string(encode(t, map[string]any{"Records": records}))
}

// failures are the message IDs of a partial batch response.
func failures(t *testing.T, answer []byte) []string {
	t.Helper()
	ids := []string{}
	for _, f := range decode[struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}](t, answer).BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}
