package publish_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/publish"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// limited is EventBridge with its limit: a call of 1 MB or more is rejected, by the sizes of its entries.
type limited struct{ calls [][]entry }

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Entries []entry }
	_ = json.NewDecoder(r.Body).Decode(&call)
	l.calls = append(l.calls, call.Entries)
	size, accepted := 0, []map[string]string{}
	for _, e := range call.Entries {
		size += len(e.Source) + len(e.DetailType) + len(e.Detail)
		accepted = append(accepted, map[string]string{"EventId": "e"})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if size >= 1_000_000 {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"ValidationException","message":"x"}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 0, "Entries": accepted})
}

// serve starts the stand-in, and returns its bus.
func (l *limited) serve(t *testing.T) *publish.Bus {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	return publish.New(func() (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, nil
	}, "results")
}

// refreshed returns the result of a refresh of n sources with names of the given length.
func refreshed(n, length int) result.Result {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%06d/", i) + strings.Repeat("x", length-8)
	}
	return result.From("user", result.Answer{Status: 200, Refreshed: names})
}

func TestAResultThatIsTooLargeForEventBridgeIsPublishedShortened(t *testing.T) {
	for name, c := range map[string]struct {
		published result.Result
		shortened func(result.Result) result.Result
	}{
		"just small enough":              {refreshed(8_000, 32), func(r result.Result) result.Result { return r }},
		"too large with sources":         {refreshed(20_000, 32), result.Result.WithoutSources},
		"too large without sources":      {refreshed(30_000, 34), result.Result.WithoutLists},
		"1 MiB of names":                 {refreshed(1, 1<<20), result.Result.WithoutLists},
		"names that JSON makes longer":   {result.From("user", result.Answer{Status: 200, Refreshed: []string{strings.Repeat("<", 200_000)}}), result.Result.WithoutLists},
		"a failure with failed sources":  {result.FromFailure("user", &result.Failure{Code: result.UpstreamRejected, Message: "x", FailedSources: refreshed(30_000, 34).RefreshedSources}), result.Result.WithoutLists},
		"a failure with a 422's details": {result.FromFailure("user", &result.Failure{Code: result.UpstreamInvalidRequest, Message: "x", Detail: json.RawMessage(`"` + strings.Repeat("<", 32<<10-2) + `"`)}), func(r result.Result) result.Result { return r }},
	} {
		t.Run(name, func(t *testing.T) {
			l := &limited{}
			wantFailed(t, l.serve(t).Publish(t.Context(), []outbox.Event{{Result: c.published}}))
			if len(l.calls) != 1 {
				t.Fatalf("%d calls, want 1", len(l.calls))
			}
			var got result.Result
			if err := json.Unmarshal([]byte(l.calls[0][0].Detail), &got); err != nil {
				t.Fatal(err)
			}
			want := c.shortened(c.published)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(result.Result{}), cmp.Transformer("JSON", func(raw json.RawMessage) (v any) {
				_ = json.Unmarshal(raw, &v)
				return v
			})); diff != "" {
				t.Errorf("published (-want +got):\n%.2000s", diff)
			}
		})
	}
}

func TestResultsThatAreTooLargeTogetherAreSentInSeveralCalls(t *testing.T) {
	l := &limited{}
	published := make([]outbox.Event, 4)
	for i := range published {
		published[i].Result = refreshed(4_000, 32) // some 470 KB
	}
	wantFailed(t, l.serve(t).Publish(t.Context(), published))
	var sizes []int
	for _, call := range l.calls {
		sizes = append(sizes, len(call))
	}
	wantCalls(t, sizes, []int{2, 2})
}
