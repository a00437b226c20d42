package publish_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/publish"
)

func TestAResultThatEventBridgeDoesNotReportOnIsResent(t *testing.T) {
	accepted := map[string]string{"EventId": "e"}
	for name, c := range map[string]struct {
		answers []any // the entries of each answer; the last one is repeated
		failed  []int
		calls   []int // how many results each call has
	}{
		"no entries, once":             {[]any{nil, []any{accepted, accepted}}, nil, []int{2, 2}},
		"too few entries, once":        {[]any{[]any{accepted}, []any{accepted, accepted}}, nil, []int{2, 2}},
		"too many entries, once":       {[]any{[]any{accepted, accepted, accepted}, []any{accepted, accepted}}, nil, []int{2, 2}},
		"an empty entry, once":         {[]any{[]any{accepted, map[string]string{}}, []any{accepted}}, nil, []int{2, 1}},
		"no entries, always":           {[]any{nil}, []int{0, 1}, []int{2, 2, 2, 2}},
		"an empty entry, every answer": {[]any{[]any{accepted, map[string]string{}}, []any{map[string]string{}}}, []int{1}, []int{2, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []int
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var call struct{ Entries []entry }
				_ = json.NewDecoder(r.Body).Decode(&call)
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 0, "Entries": c.answers[min(len(calls), len(c.answers)-1)]})
				calls = append(calls, len(call.Entries))
			}))
			t.Cleanup(server.Close)
			bus := publish.New(func() (aws.Config, error) {
				return aws.Config{
					Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
				}, nil
			}, "results")
			wantFailed(t, bus.Publish(t.Context(), events(2)), c.failed...)
			wantCalls(t, calls, c.calls)
		})
	}
}

// wantCalls fails the test unless the calls had this many results each.
func wantCalls(t *testing.T, got, want []int) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results of each call (-want +got):\n%s", diff)
	}
}
