package publish_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

type entry struct {
	EventBusName, Source, DetailType, Detail, TraceHeader string
}

// eventBridge is a stand-in for PutEvents that records the entries of each call.
type eventBridge struct {
	// reject returns the error code of a user's entry, by how often it was sent; "" accepts it.
	reject func(user string, sent int) string
	status int  // of each call; 0 is 200
	mute   bool // accepts every entry and reports on none

	mu    sync.Mutex
	calls [][]entry
	sent  map[string]int // how often each user's entry was sent
}

func (b *eventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		b.sent[out.UserID]++
		if code := b.reject(out.UserID, b.sent[out.UserID]); code != "" {
			failed++
			entries = append(entries, map[string]string{"ErrorCode": code, "ErrorMessage": "x"})
		} else {
			entries = append(entries, map[string]string{"EventId": "e"})
		}
	}
	if b.mute {
		entries = nil
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": failed, "Entries": entries})
}

// serve starts a stand-in for EventBridge that accepts everything, and returns its bus.
func serve(t testing.TB) (*publish.Bus, *eventBridge) {
	t.Helper()
	b := &eventBridge{sent: map[string]int{}, reject: func(string, int) string { return "" }}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return publish.New(func() (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, "results"), b
}

func events(n int) []outbox.Event {
	out := make([]outbox.Event, n)
	for i := range out {
		out[i].Result = result.From(fmt.Sprintf("user-%d", i), result.Answer{Status: 200, Refreshed: []string{"oura/sleep"}})
	}
	return out
}

// failed returns the indices of the results that are not on the bus.
func failed(errs []error) (indices []int) {
	for i, err := range errs {
		if err != nil {
			indices = append(indices, i)
		}
	}
	return indices
}

func wantFailed(t *testing.T, errs []error, want ...int) {
	t.Helper()
	if diff := cmp.Diff(want, failed(errs)); diff != "" {
		t.Errorf("results that failed (-want +got):\n%s\nerrors: %v", diff, errs)
	}
}

func TestAResultIsPublishedWithItsSourceDetailTypeAndTraceHeader(t *testing.T) {
	b, s := serve(t)
	published := events(2)
	published[0].TraceHeader = "Root=1-a;Sampled=1"
	wantFailed(t, b.Publish(t.Context(), published))
	want := []entry{{TraceHeader: "Root=1-a;Sampled=1"}, {}}
	for i := range want {
		detail, _ := json.Marshal(published[i].Result)
		want[i].EventBusName, want[i].Source, want[i].DetailType = "results", "junction.refresh", "Junction User Refresh Result"
		want[i].Detail = string(detail)
	}
	if diff := cmp.Diff([][]entry{want}, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// connectionError returns the event of a connection error, and its detail.
func connectionError(t *testing.T, user result.User) (event outbox.Event, detail string) {
	t.Helper()
	event.ConnectionError = result.NewConnectionError(user, "oura", "token_refresh_failed")
	text, err := json.Marshal(event.ConnectionError)
	if err != nil {
		t.Fatal(err)
	}
	return event, string(text)
}

func TestAConnectionErrorIsPublishedUnderItsOwnDetailTypeBesideResults(t *testing.T) {
	b, s := serve(t)
	published := events(1)
	plain, detail := connectionError(t, result.User{ID: "user-1"})
	traced, ofApp := connectionError(t, result.User{ID: "user-2", ClientUserID: "app-user-7"})
	traced.TraceHeader = "Root=1-a;Sampled=1"
	traced.Result = result.FromQueued("nobody") // is not looked at
	published = append(published, plain, traced)
	wantFailed(t, b.Publish(t.Context(), published))
	ofResult, _ := json.Marshal(published[0].Result)
	want := []entry{
		{EventBusName: "results", Source: "junction.refresh", DetailType: "Junction User Refresh Result", Detail: string(ofResult)},
		{EventBusName: "results", Source: "junction.refresh", DetailType: "Junction Connection Error", Detail: detail},
		{EventBusName: "results", Source: "junction.refresh", DetailType: "Junction Connection Error", Detail: ofApp, TraceHeader: "Root=1-a;Sampled=1"},
	}
	if diff := cmp.Diff([][]entry{want}, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAConnectionErrorIsPublishedWholeOrNotAtAll(t *testing.T) {
	// No ID of an app is this long: the reader sees to that.
	event, detail := connectionError(t, result.User{ID: "user-0", ClientUserID: strings.Repeat("x", 1<<20)})
	l := &limited{}
	wantFailed(t, l.serve(t).Publish(t.Context(), []outbox.Event{event}), 0)
	if len(l.calls) != 1 || l.calls[0][0].Detail != detail {
		t.Errorf("%d calls, want one with the whole detail", len(l.calls))
	}
}

func TestAConnectionErrorThatIsRejectedIsResentAndFailsAlone(t *testing.T) {
	for name, c := range map[string]struct {
		code   string
		sent   int
		failed []int
	}{
		"once":     {"InternalFailure", 2, nil},
		"for good": {"NotAuthorizedForSourceException", 1, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := serve(t)
			s.reject = func(user string, sent int) string {
				if user == "user-1" && sent == 1 {
					return c.code
				}
				return ""
			}
			event, _ := connectionError(t, result.User{ID: "user-1"})
			wantFailed(t, b.Publish(t.Context(), []outbox.Event{events(1)[0], event}), c.failed...)
			if diff := cmp.Diff(map[string]int{"user-0": 1, "user-1": c.sent}, s.sent); diff != "" {
				t.Errorf("how often each was sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATraceHeaderThatIsTooLongIsLeftOut(t *testing.T) {
	b, s := serve(t)
	published := events(2)
	published[0].TraceHeader, published[1].TraceHeader = strings.Repeat("x", 500), strings.Repeat("x", 501)
	wantFailed(t, b.Publish(t.Context(), published))
	if got := s.calls[0]; len(got[0].TraceHeader) != 500 || got[1].TraceHeader != "" {
		t.Errorf("trace headers %q and %q", got[0].TraceHeader, got[1].TraceHeader)
	}
}

func TestNothingToPublishMakesNoCall(t *testing.T) {
	b, s := serve(t)
	if errs := b.Publish(t.Context(), nil); len(errs) != 0 || len(s.calls) != 0 {
		t.Errorf("%d calls, errors %v", len(s.calls), errs)
	}
}

func TestACallHasAtMostTenResultsAnd1MB(t *testing.T) {
	b, s := serve(t)
	published := events(25)
	for i, size := range []int{490_000, 490_000, 490_000, 100, 1_100_000} { // the third does not fit in with the first two, the last nowhere
		published[20+i].Result.Error = strings.Repeat("x", size)
	}
	wantFailed(t, b.Publish(t.Context(), published))
	var sizes []int
	for _, call := range s.calls {
		sizes = append(sizes, len(call))
	}
	if diff := cmp.Diff([]int{10, 10, 2, 2, 1}, sizes); diff != "" {
		t.Errorf("results of each call (-want +got):\n%s", diff)
	}
}

func TestOnlyRejectedResultsAreResent(t *testing.T) {
	b, s := serve(t)
	codes := map[string][]string{ // what each user's entry is answered, in order
		"user-1": {"ThrottlingException", "ThrottlingException", ""},
		"user-2": {"InternalFailure", ""},
		"user-3": {"InternalException", "InternalException", "InternalException", "InternalException"},
		"user-4": {"NotAuthorizedForSourceException"},
	}
	s.reject = func(user string, sent int) string {
		if len(codes[user]) < sent {
			return ""
		}
		return codes[user][sent-1]
	}
	errs := b.Publish(t.Context(), events(6))
	wantFailed(t, errs, 3, 4)
	if got, want := fmt.Sprint(errs[4]), "EventBridge rejected a result: NotAuthorizedForSourceException"; got != want {
		t.Errorf("error %s, want %s", got, want)
	}
	want := map[string]int{"user-0": 1, "user-1": 3, "user-2": 2, "user-3": 4, "user-4": 1, "user-5": 1}
	if diff := cmp.Diff(want, s.sent); diff != "" {
		t.Errorf("how often each was sent (-want +got):\n%s", diff)
	}
}

func TestACallThatFailsFailsEachOfItsResults(t *testing.T) {
	t.Run("a status", func(t *testing.T) {
		b, s := serve(t)
		s.status = http.StatusBadRequest
		wantFailed(t, b.Publish(t.Context(), events(2)), 0, 1)
		if len(s.calls) != 1 {
			t.Errorf("%d calls, want 1", len(s.calls))
		}
	})
	t.Run("an answer that does not report on each entry", func(t *testing.T) {
		b, s := serve(t)
		s.mute = true
		wantFailed(t, b.Publish(t.Context(), events(2)), 0, 1)
	})
	t.Run("an AWS configuration that cannot be loaded", func(t *testing.T) {
		b := publish.New(func() (aws.Config, error) { return aws.Config{}, errors.New("no configuration") }, "results")
		wantFailed(t, b.Publish(t.Context(), events(2)), 0, 1)
	})
}

func TestAResultThatIsNotJSONFailsAlone(t *testing.T) {
	b, s := serve(t)
	published := events(3)
	published[1].Result.Detail = json.RawMessage("{")
	wantFailed(t, b.Publish(t.Context(), published), 1)
	if len(s.calls) != 1 || len(s.calls[0]) != 2 {
		t.Errorf("calls %v, want one with two results", s.calls)
	}
}

// hangs is EventBridge when it does not answer.
type hangs struct{}

func (hangs) PutEvents(ctx context.Context, _ *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestABusThatHangsIsGivenUpAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		errs := publish.NewWithClient(hangs{}).Publish(t.Context(), events(2))
		wantFailed(t, errs, 0, 1)
		if took := time.Since(start); took != 5*time.Second || !errors.Is(errs[0], context.DeadlineExceeded) {
			t.Errorf("%v after %v, want %v after 5s", errs[0], took, context.DeadlineExceeded)
		}
	})
}

func TestABusThatRejectsEverythingIsAnErrorWithinTheContextsTime(t *testing.T) {
	b, s := serve(t)
	s.reject = func(string, int) string { return "ThrottlingException" }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantFailed(t, b.Publish(ctx, events(1)), 0)
}
