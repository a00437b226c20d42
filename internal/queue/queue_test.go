package queue_test

import (
	"context"
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/queue"
)

const url = "https://sqs.us-east-1.amazonaws.com/123456789012/refreshes"

// request is one of SQS's batch calls.
type request struct {
	action   string
	QueueUrl string //nolint:revive,staticcheck // SQS's own spelling
	Entries  []entry
}

type entry struct {
	ID                      string `json:"Id"`
	MessageBody             string
	DelaySeconds            int // 0 if the queue's own applies
	MessageSystemAttributes map[string]attribute
	ReceiptHandle           string
	VisibilityTimeout       int
}

// name is what the entry is about.
func (e entry) name() string { return e.MessageBody + e.ReceiptHandle }

type attribute struct{ DataType, StringValue string }

// rejection is an answer to an entry that SQS does not accept.
type rejection struct {
	Code        string
	SenderFault bool
}

// sqs is a stand-in for SQS's batch calls that records them.
type sqs struct {
	// reject returns the answer to an entry, by its message body or receipt handle and how often it was
	// sent; the zero value accepts it.
	reject func(name string, sent int) rejection
	status int // of each call; 0 is 200

	mu    sync.Mutex
	calls []request
	sent  map[string]int // how often each entry was sent
}

func (s *sqs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := request{action: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.calls = append(s.calls, call)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if s.status != 0 {
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.sqs#InternalError"}`))
		return
	}
	successful, failed := []map[string]any{}, []map[string]any{}
	for _, e := range call.Entries {
		s.sent[e.name()]++
		if answer := s.reject(e.name(), s.sent[e.name()]); answer.Code != "" {
			failed = append(failed, map[string]any{"Id": e.ID, "Code": answer.Code, "SenderFault": answer.SenderFault})
			continue
		}
		sum := md5.Sum([]byte(e.MessageBody))
		successful = append(successful, map[string]any{"Id": e.ID, "MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": successful, "Failed": failed})
}

// serve starts a stand-in for SQS that accepts everything, and returns its queue.
func serve(t *testing.T) (*queue.Queue, *sqs) {
	t.Helper()
	s := &sqs{sent: map[string]int{}, reject: func(string, int) rejection { return rejection{} }}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return queue.New(func() (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, url), s
}

// numbered returns n names with the given prefix, numbered from 0.
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return names
}

func messages(n int) []handler.Message {
	out := make([]handler.Message, n)
	for i, name := range numbered("message", n) {
		out[i].Body = name
	}
	return out
}

func delays(n int) []handler.Delay {
	out := make([]handler.Delay, n)
	for i, name := range numbered("handle", n) {
		out[i] = handler.Delay{ReceiptHandle: name, For: time.Duration(i) * time.Minute}
	}
	return out
}

func TestItemsAreSentInBatchesOfTenEachOnce(t *testing.T) {
	for action, call := range map[string]func(*queue.Queue, int) error{
		"SendMessageBatch":             func(q *queue.Queue, n int) error { return q.Send(t.Context(), messages(n)) },
		"ChangeMessageVisibilityBatch": func(q *queue.Queue, n int) error { return q.Delay(t.Context(), delays(n)) },
		"DeleteMessageBatch":           func(q *queue.Queue, n int) error { return q.DeleteMessages(t.Context(), numbered("handle", n)) },
	} {
		t.Run(action, func(t *testing.T) {
			q, s := serve(t)
			if err := call(q, 25); err != nil {
				t.Fatal(err)
			}
			var sizes []int
			for _, c := range s.calls {
				sizes = append(sizes, len(c.Entries))
				if c.action != action || c.QueueUrl != url {
					t.Errorf("%s to %s", c.action, c.QueueUrl)
				}
			}
			slices.Sort(sizes)
			if diff := cmp.Diff([]int{5, 10, 10}, sizes); diff != "" || len(s.sent) != 25 {
				t.Errorf("%d different entries, batch sizes (-want +got):\n%s", len(s.sent), diff)
			}
		})
		t.Run(action+" is not called without items", func(t *testing.T) {
			q, s := serve(t)
			if err := call(q, 0); err != nil || len(s.calls) != 0 {
				t.Errorf("%d calls, error %v", len(s.calls), err)
			}
		})
	}
}

func TestAMessageCarriesItsTraceHeaderAsASystemAttribute(t *testing.T) {
	q, s := serve(t)
	if err := q.Send(t.Context(), []handler.Message{{Body: "a", TraceHeader: "Root=1-a"}, {Body: "b"}}); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{ID: "0", MessageBody: "a", MessageSystemAttributes: map[string]attribute{"AWSTraceHeader": {"String", "Root=1-a"}}},
		{ID: "1", MessageBody: "b"},
	}
	if diff := cmp.Diff(want, s.calls[0].Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestAMessageIsSentWithItsDelayInSeconds(t *testing.T) {
	for delay, want := range map[time.Duration]int{0: 0, time.Second: 1, 30 * time.Second: 30, 10 * time.Minute: 600, 15 * time.Minute: 900} {
		t.Run(delay.String(), func(t *testing.T) {
			q, s := serve(t)
			if err := q.Send(t.Context(), []handler.Message{{Body: "a", Delay: delay}, {Body: "b"}}); err != nil {
				t.Fatal(err)
			}
			entries := []entry{{ID: "0", MessageBody: "a", DelaySeconds: want}, {ID: "1", MessageBody: "b"}}
			if diff := cmp.Diff(entries, s.calls[0].Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMessageThatIsResentKeepsItsDelay(t *testing.T) {
	q, s := serve(t)
	s.reject = func(_ string, sent int) rejection {
		if sent == 1 {
			return rejection{Code: "InternalError"}
		}
		return rejection{}
	}
	if err := q.Send(t.Context(), []handler.Message{{Body: "a", Delay: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	for i, call := range s.calls {
		if got := call.Entries[0].DelaySeconds; got != 60 {
			t.Errorf("call %d has the delay %d, want 60", i, got)
		}
	}
	if len(s.calls) != 2 {
		t.Errorf("%d calls, want 2", len(s.calls))
	}
}

func TestADelayIsAVisibilityTimeoutInSeconds(t *testing.T) {
	q, s := serve(t)
	if err := q.Delay(t.Context(), delays(3)); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{ID: "0", ReceiptHandle: "handle-0"},
		{ID: "1", ReceiptHandle: "handle-1", VisibilityTimeout: 60},
		{ID: "2", ReceiptHandle: "handle-2", VisibilityTimeout: 120},
	}
	if diff := cmp.Diff(want, s.calls[0].Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestOnlyRejectedEntriesAreResent(t *testing.T) {
	for name, call := range map[string]func(*queue.Queue) error{
		"send":   func(q *queue.Queue) error { return q.Send(t.Context(), messages(12)) },
		"delay":  func(q *queue.Queue) error { return q.Delay(t.Context(), delays(12)) },
		"delete": func(q *queue.Queue) error { return q.DeleteMessages(t.Context(), numbered("handle", 12)) },
	} {
		t.Run(name, func(t *testing.T) {
			q, s := serve(t)
			s.reject = func(name string, sent int) rejection {
				if (strings.HasSuffix(name, "-4") || strings.HasSuffix(name, "-11")) && sent == 1 {
					return rejection{Code: "InternalError"}
				}
				return rejection{}
			}
			if err := call(q); err != nil {
				t.Fatal(err)
			}
			for name, sent := range s.sent {
				want := 1
				if strings.HasSuffix(name, "-4") || strings.HasSuffix(name, "-11") {
					want = 2
				}
				if sent != want {
					t.Errorf("%s was sent %d times, want %d", name, sent, want)
				}
			}
			if len(s.sent) != 12 {
				t.Errorf("%d entries were sent, want 12", len(s.sent))
			}
		})
	}
}

func TestAnEntryThatSQSNeverAcceptsIsAnError(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer rejection
		sent   int
	}{
		{"SQS's fault: four tries", rejection{Code: "InternalError"}, 4},
		{"the sender's fault: one try", rejection{Code: "ReceiptHandleIsInvalid", SenderFault: true}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, s := serve(t)
			s.reject = func(name string, _ int) rejection {
				if name == "handle-0" {
					return c.answer
				}
				return rejection{}
			}
			err := q.DeleteMessages(t.Context(), numbered("handle", 2))
			if want := "SQS rejected a message: " + c.answer.Code; err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if diff := cmp.Diff(map[string]int{"handle-0": c.sent, "handle-1": 1}, s.sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMessageThatIsGoneDoesNotKeepTheOthersFromBeingDelayed(t *testing.T) {
	q, s := serve(t)
	s.reject = func(name string, sent int) rejection {
		switch {
		case name == "handle-3":
			return rejection{Code: "ReceiptHandleIsInvalid", SenderFault: true}
		case name == "handle-4" && sent == 1:
			return rejection{Code: "InternalError"}
		}
		return rejection{}
	}
	err := q.Delay(t.Context(), delays(12))
	if err == nil || err.Error() != "SQS rejected a message: ReceiptHandleIsInvalid" {
		t.Errorf("error %v", err)
	}
	if len(s.sent) != 12 || s.sent["handle-3"] != 1 || s.sent["handle-4"] != 2 {
		t.Errorf("sent %v", s.sent)
	}
}

// calls are the queue's calls, with one item each.
var calls = map[string]func(context.Context, *queue.Queue) error{
	"send":   func(ctx context.Context, q *queue.Queue) error { return q.Send(ctx, messages(1)) },
	"delay":  func(ctx context.Context, q *queue.Queue) error { return q.Delay(ctx, delays(1)) },
	"delete": func(ctx context.Context, q *queue.Queue) error { return q.DeleteMessages(ctx, numbered("handle", 1)) },
}

func TestAQueueThatDoesNotWorkIsAnErrorWithinTheContextsTime(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			q, s := serve(t)
			s.status = http.StatusInternalServerError
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := call(ctx, q); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestAnAWSConfigurationThatCannotBeLoadedIsAnError(t *testing.T) {
	errLoad := errors.New("no configuration")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			q := queue.New(func() (aws.Config, error) { return aws.Config{}, errLoad }, url)
			if err := call(t.Context(), q); !errors.Is(err, errLoad) {
				t.Errorf("error %v, want %v", err, errLoad)
			}
		})
	}
}
