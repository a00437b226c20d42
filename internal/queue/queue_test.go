package queue_test

import (
	"context"
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/queue"
)

const url = "https://sqs.us-east-1.amazonaws.com/123456789012/refreshes"

// request is a batch call of SQS's, of either kind.
type request struct {
	action   string
	QueueUrl string //nolint:revive,staticcheck // SQS's own spelling
	Entries  []struct {
		ID                      string `json:"Id"`
		MessageBody             string
		MessageSystemAttributes map[string]struct{ DataType, StringValue string }
		ReceiptHandle           string
		VisibilityTimeout       int
	}
}

// sqs serves SQS's batch calls, and records them. refuse says of an entry, by its body or receipt handle
// and how often it came, with which code it is refused; "" takes it, and a code that begins with "!" is
// the sender's fault.
type sqs struct {
	mu     sync.Mutex
	calls  []request
	seen   map[string]int
	refuse func(entry string, n int) string
	status int // of the whole call; 0 is 200
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
		name := e.MessageBody + e.ReceiptHandle
		s.seen[name]++
		code := ""
		if s.refuse != nil {
			code = s.refuse(name, s.seen[name])
		}
		if code != "" {
			failed = append(failed, map[string]any{"Id": e.ID, "Code": strings.TrimPrefix(code, "!"), "SenderFault": code[0] == '!'})
			continue
		}
		sum := md5.Sum([]byte(e.MessageBody))
		successful = append(successful, map[string]any{"Id": e.ID, "MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": successful, "Failed": failed})
}

// serve starts a stand-in of SQS and returns the queue before it.
func serve(t *testing.T) (*queue.Queue, *sqs) {
	t.Helper()
	s := &sqs{seen: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SQS": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return queue.New(func() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) }, url), s
}

func messages(n int) []handler.Message {
	all := make([]handler.Message, n)
	for i := range all {
		all[i] = handler.Message{Body: fmt.Sprintf(`{"user":%d}`, i)}
	}
	return all
}

func TestMessagesAreSentTenAtATimeEachOnce(t *testing.T) {
	q, s := serve(t)
	if err := q.Send(t.Context(), messages(25)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, call := range s.calls {
		sizes = append(sizes, len(call.Entries))
		if call.action != "SendMessageBatch" || call.QueueUrl != url {
			t.Errorf("%s to %s", call.action, call.QueueUrl)
		}
	}
	if slices.Sort(sizes); !slices.Equal(sizes, []int{5, 10, 10}) || len(s.seen) != 25 {
		t.Errorf("batches of %v with %d messages", sizes, len(s.seen))
	}
	if err := q.Send(t.Context(), nil); err != nil || len(s.calls) != 3 {
		t.Errorf("nothing to send: %v", err)
	}
}

func TestAMessageCarriesItsTraceHeaderAsSQSKnowsIt(t *testing.T) {
	q, s := serve(t)
	err := q.Send(t.Context(), []handler.Message{{Body: "a", TraceHeader: "Root=1-a"}, {Body: "b"}})
	entries := s.calls[0].Entries
	if got := entries[0].MessageSystemAttributes["AWSTraceHeader"]; err != nil || got.StringValue != "Root=1-a" || got.DataType != "String" || entries[1].MessageSystemAttributes != nil {
		t.Errorf("%+v %v", entries, err)
	}
}

func TestOnlyEntriesThatSQSRefusesAreSentAgain(t *testing.T) {
	q, s := serve(t)
	s.refuse = func(entry string, n int) string {
		if strings.HasSuffix(entry, "3}") && n < 3 {
			return "InternalError"
		}
		return ""
	}
	if err := q.Send(t.Context(), messages(10)); err != nil {
		t.Fatal(err)
	}
	for entry, n := range s.seen {
		if want := map[bool]int{true: 3, false: 1}[strings.HasSuffix(entry, "3}")]; n != want {
			t.Errorf("%s was sent %d times", entry, n)
		}
	}
}

func TestWhatSQSNeverTakesIsAnError(t *testing.T) {
	for code, want := range map[string]int{"InternalError": 4, "!InvalidMessageContents": 1} {
		q, s := serve(t)
		s.refuse = func(entry string, _ int) string {
			if strings.HasSuffix(entry, "0}") {
				return code
			}
			return ""
		}
		err := q.Send(t.Context(), messages(2))
		if err == nil || err.Error() != "SQS refuses a message: "+strings.TrimPrefix(code, "!") || s.seen[`{"user":0}`] != want || s.seen[`{"user":1}`] != 1 {
			t.Errorf("%s: %v after %v", code, err, s.seen)
		}
	}
}

func TestMessagesThatAreDoneAreDeleted(t *testing.T) {
	q, s := serve(t)
	s.refuse = func(entry string, n int) string {
		switch {
		case entry == "handle-3":
			return "!ReceiptHandleIsInvalid"
		case entry == "handle-4" && n == 1:
			return "InternalError"
		}
		return ""
	}
	var handles []string
	for i := range 12 {
		handles = append(handles, fmt.Sprintf("handle-%d", i))
	}
	err := q.DeleteMessages(t.Context(), handles)
	if err == nil || !strings.Contains(err.Error(), "ReceiptHandleIsInvalid") || len(s.seen) != 12 || s.seen["handle-4"] != 2 || s.calls[0].action != "DeleteMessageBatch" {
		t.Errorf("%v after %v", err, s.seen)
	}
}

func TestAQueueThatIsOutOfReachIsAnErrorInTime(t *testing.T) {
	q, s := serve(t)
	s.status = 500
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := q.Send(ctx, messages(1)); err == nil {
		t.Error("no error")
	}
	if err := q.Delay(ctx, []handler.Delay{{ReceiptHandle: "a", For: time.Second}}); err == nil {
		t.Error("no error of a delay")
	}
	broken := queue.New(func() (aws.Config, error) { return aws.Config{}, fmt.Errorf("no configuration") }, url)
	if broken.DeleteMessages(t.Context(), []string{"a"}) == nil || broken.Send(t.Context(), messages(1)) == nil || broken.Delay(t.Context(), []handler.Delay{{}}) == nil {
		t.Error("a configuration that cannot be loaded is no error")
	}
}

func TestMessagesAreDelayedInBatchesAndOneThatIsGoneHoldsUpNoOther(t *testing.T) {
	q, s := serve(t)
	s.refuse = func(entry string, n int) string {
		switch {
		case entry == "handle-3":
			return "!ReceiptHandleIsInvalid"
		case (entry == "handle-4" || entry == "handle-11") && n == 1:
			return "InternalError"
		}
		return ""
	}
	var delays []handler.Delay
	for i := range 12 {
		delays = append(delays, handler.Delay{ReceiptHandle: fmt.Sprintf("handle-%d", i), For: time.Duration(i) * time.Minute})
	}
	err := q.Delay(t.Context(), delays)
	if err == nil || !strings.Contains(err.Error(), "ReceiptHandleIsInvalid") || strings.Contains(err.Error(), "InternalError") {
		t.Errorf("%v", err)
	}
	if len(s.seen) != 12 || s.seen["handle-4"] != 2 || s.seen["handle-3"] != 1 || s.seen["handle-11"] != 2 {
		t.Errorf("%v", s.seen)
	}
	for _, call := range s.calls {
		for _, e := range call.Entries {
			if call.action != "ChangeMessageVisibilityBatch" || e.ReceiptHandle == "handle-2" && e.VisibilityTimeout != 120 {
				t.Errorf("%s %+v", call.action, e)
			}
		}
	}
}
