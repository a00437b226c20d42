package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

type entry struct {
	EventBusName, Source, DetailType, Detail, TraceHeader string
}

// eventBridge serves PutEvents, and records the entries of each call. refuse says with which code a
// user's entry is refused, when it comes for the nth time; "" takes it.
type eventBridge struct {
	mu     sync.Mutex
	calls  [][]entry
	seen   map[string]int
	refuse func(user string, n int) string
	status int  // of the whole call; 0 is 200
	silent bool // takes all and says nothing of any
	hangs  bool
}

func (b *eventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.hangs {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client is gone
		<-r.Context().Done()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var call struct{ Entries []entry }
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.calls = append(b.calls, call.Entries)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if b.status != 0 {
		w.WriteHeader(b.status)
		_, _ = w.Write([]byte(`{"__type":"InternalException"}`))
		return
	}
	entries, failed := []map[string]string{}, 0
	for _, e := range call.Entries {
		var out result.Result
		_ = json.Unmarshal([]byte(e.Detail), &out)
		b.seen[out.UserID]++
		code := ""
		if b.refuse != nil {
			code = b.refuse(out.UserID, b.seen[out.UserID])
		}
		if code != "" {
			failed++
			entries = append(entries, map[string]string{"ErrorCode": code, "ErrorMessage": "x"})
		} else {
			entries = append(entries, map[string]string{"EventId": "e"})
		}
	}
	if b.silent {
		entries = nil
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": failed, "Entries": entries})
}

// serve starts a stand-in of EventBridge and returns the bus before it.
func serve(t *testing.T) (*publish.Bus, *eventBridge) {
	t.Helper()
	b := &eventBridge{seen: map[string]int{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_EVENTBRIDGE": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return publish.New(func() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) }, "results"), b
}

func events(n int) []outbox.Event {
	all := make([]outbox.Event, n)
	for i := range all {
		all[i].Result = result.From(fmt.Sprintf("user-%d", i), result.Answer{Status: 200, Refreshed: []string{"oura/sleep"}})
	}
	return all
}

// failed are the places whose results are not on the bus.
func failed(faults []error) (places []int) {
	for i, err := range faults {
		if err != nil {
			places = append(places, i)
		}
	}
	return places
}

func TestAResultIsPublishedUnderItsNamesWithItsTrace(t *testing.T) {
	b, s := serve(t)
	one := events(2)
	one[0].TraceHeader = "Root=1-a;Sampled=1"
	if faults := b.Publish(t.Context(), one); len(faults) != 2 || failed(faults) != nil {
		t.Fatal(faults)
	}
	got := s.calls[0]
	if got[0].EventBusName != "results" || got[0].Source != "junction.refresh" || got[0].DetailType != "Junction User Refresh Result" ||
		got[0].TraceHeader != "Root=1-a;Sampled=1" || got[1].TraceHeader != "" {
		t.Errorf("%+v", got)
	}
	want, _ := json.Marshal(one[0].Result)
	if got[0].Detail != string(want) {
		t.Errorf("detail is %s, want %s", got[0].Detail, want)
	}
	if b.Publish(t.Context(), nil); len(s.calls) != 1 {
		t.Error("nothing is published with a call")
	}
	one[0].TraceHeader = strings.Repeat("x", 501)
	if faults := b.Publish(t.Context(), one[:1]); failed(faults) != nil || s.calls[1][0].TraceHeader != "" {
		t.Errorf("a trace header that no call may have: %v, %+v", faults, s.calls[1])
	}
}

func TestOneCallHasTenResultsAtMostAnd256KiB(t *testing.T) {
	b, s := serve(t)
	all := events(25)
	for i := range all {
		if i >= 20 { // two of these do not fit into one call, and the last fits into none
			all[i].Result.Error = strings.Repeat("x", []int{130_000, 130_000, 130_000, 100, 300_000}[i-20])
		}
	}
	if faults := b.Publish(t.Context(), all); failed(faults) != nil {
		t.Fatal(faults)
	}
	var sizes []int
	for _, call := range s.calls {
		sizes = append(sizes, len(call))
	}
	if fmt.Sprint(sizes) != "[10 10 2 2 1]" && fmt.Sprint(sizes) != "[10 10 1 1 2 1]" {
		t.Errorf("calls of %v results", sizes)
	}
}

func TestOnlyResultsThatEventBridgeFailsAtAreSentAgain(t *testing.T) {
	b, s := serve(t)
	s.refuse = func(user string, n int) string {
		switch user {
		case "user-1":
			return map[bool]string{true: "ThrottlingException"}[n < 3]
		case "user-2":
			return map[bool]string{true: "InternalFailure"}[n < 2]
		case "user-3":
			return "InternalException"
		case "user-4":
			return "NotAuthorizedForSourceException"
		}
		return ""
	}
	faults := b.Publish(t.Context(), events(6))
	if fmt.Sprint(failed(faults)) != "[3 4]" || faults[4].Error() != "EventBridge refuses a result: NotAuthorizedForSourceException" {
		t.Errorf("%v", faults)
	}
	if want := "map[user-0:1 user-1:3 user-2:2 user-3:4 user-4:1 user-5:1]"; fmt.Sprint(s.seen) != want {
		t.Errorf("sent %v, want %s", s.seen, want)
	}
}

func TestACallThatFailsFailsEachOfItsResults(t *testing.T) {
	b, s := serve(t)
	s.status = 400
	if faults := b.Publish(t.Context(), events(2)); len(failed(faults)) != 2 || len(s.calls) != 1 {
		t.Errorf("%v after %d calls", faults, len(s.calls))
	}
	s.status, s.silent = 0, true
	if faults := b.Publish(t.Context(), events(2)); len(failed(faults)) != 2 {
		t.Errorf("an answer that names none: %v", faults)
	}
	broken := publish.New(func() (aws.Config, error) { return aws.Config{}, fmt.Errorf("no configuration") }, "results")
	if faults := broken.Publish(t.Context(), events(2)); len(failed(faults)) != 2 {
		t.Errorf("%v", faults)
	}
}

func TestABusThatHangsIsFoundOutLongBeforeTheInvocationEnds(t *testing.T) {
	b, s := serve(t)
	s.hangs = true
	b.SetTimeout(20 * time.Millisecond)
	if faults := b.Publish(t.Context(), events(2)); len(failed(faults)) != 2 || !errors.Is(faults[0], context.DeadlineExceeded) {
		t.Errorf("%v", faults)
	}
}

func TestABusThatIsOutOfReachIsAnErrorInTime(t *testing.T) {
	b, s := serve(t)
	s.refuse = func(string, int) string { return "ThrottlingException" }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if faults := b.Publish(ctx, events(1)); len(failed(faults)) != 1 {
		t.Error("no error")
	}
}
