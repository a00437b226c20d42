package queue_test

import (
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/queue"
)

// forgetful is a stand-in for SQS that answers 200, and mentions some entries neither as successful nor as
// failed.
type forgetful struct {
	forget func(name string, sent int) bool

	mu   sync.Mutex
	sent map[string]int // how often each entry was sent
}

func (s *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var call request
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := map[string]any{}
	for _, e := range call.Entries {
		s.sent[e.name()]++
		if s.forget(e.name(), s.sent[e.name()]) {
			continue
		}
		sum := md5.Sum([]byte(e.MessageBody))
		successful, _ := answer["Successful"].([]any)
		answer["Successful"] = append(successful, map[string]any{"Id": e.ID, "MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer)
}

// serve starts the stand-in, and returns its queue.
func (s *forgetful) serve(t *testing.T) *queue.Queue {
	t.Helper()
	s.sent = map[string]int{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return queue.New(func() (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, url)
}

func TestAnEntryThatSQSDoesNotMentionIsResent(t *testing.T) {
	for name, call := range map[string]func(*queue.Queue) error{
		"send":   func(q *queue.Queue) error { return q.Send(t.Context(), messages(3)) },
		"delay":  func(q *queue.Queue) error { return q.Delay(t.Context(), delays(3)) },
		"delete": func(q *queue.Queue) error { return q.DeleteMessages(t.Context(), numbered("handle", 3)) },
	} {
		prefix := "handle"
		if name == "send" {
			prefix = "message"
		}
		for _, c := range []struct {
			name   string
			forget func(name string, sent int) bool
			err    string // "": none
			sent   []int  // how often each entry
		}{
			{"one entry, once", func(name string, sent int) bool { return name == prefix+"-1" && sent == 1 }, "", []int{1, 2, 1}},
			{"all entries, once", func(_ string, sent int) bool { return sent == 1 }, "", []int{2, 2, 2}},
			{"one entry, always", func(name string, _ int) bool { return name == prefix+"-1" }, "SQS did not report on a message", []int{1, 4, 1}},
			{"all entries, always", func(string, int) bool { return true }, "SQS did not report on a message", []int{4, 4, 4}},
		} {
			t.Run(name+": "+c.name, func(t *testing.T) {
				s := &forgetful{forget: c.forget}
				err := call(s.serve(t))
				if got := fmt.Sprint(err); err == nil && c.err != "" || err != nil && got != c.err {
					t.Errorf("error %v, want %q", err, c.err)
				}
				want := map[string]int{prefix + "-0": c.sent[0], prefix + "-1": c.sent[1], prefix + "-2": c.sent[2]}
				if diff := cmp.Diff(want, s.sent); diff != "" {
					t.Errorf("sent (-want +got):\n%s", diff)
				}
			})
		}
	}
}
