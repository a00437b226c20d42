package contract

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// expectations say for each file of events/ how it is answered, and what Junction is sent, sorted. A timeout of 30 s
// becomes 28 s behind an HTTP API, 27 s behind a REST API and 12 s for a webhook.
var expectations = map[string]struct {
	trigger string
	check   func(*testing.T, []byte)
	sent    []string
}{
	"direct.json":                               {"direct", wantResult("partial"), []string{refreshPartial + "30"}},
	"all-users.json":                            {"direct", wantResult("failed"), []string{}}, // no queue
	"direct-many.json":                          {"direct", wantResults(3, "partial", "completed", "in_progress"), []string{refreshPartial + "10", refreshCompleted + "10", refreshSlow + "10"}},
	"schedule.json":                             {"direct", wantResults(2, "partial", "completed"), []string{refreshPartial + "30", refreshCompleted + "30"}},
	"step-functions.json":                       {"direct", wantResult("completed"), []string{refreshCompleted + "30"}},
	"eventbridge.json":                          {"eventbridge", wantResult("partial"), []string{refreshPartial + "30"}},
	"sqs.json":                                  {"sqs", wantNoFailures, []string{resolveCompleted, refreshPartial + "20", refreshCompleted + "20", refreshCompleted + "20"}},
	"sqs-queued.json":                           {"sqs", wantNoFailures, []string{refreshPartial + "30"}},
	"http-api-async.json":                       {"http-api", wantHTTP("partial"), []string{refreshPartial + "28"}},
	"http-api.json":                             {"http-api", wantHTTP("partial"), []string{refreshPartial + "28"}},
	"http-api-webhook.json":                     {"http-api", wantHTTP("partial"), []string{refreshPartial + "12"}},
	"http-api-webhook-base64.json":              {"http-api", wantHTTP("completed"), []string{refreshCompleted + "10"}},
	"http-api-junction-webhook.json":            {"http-api", wantHTTP("partial"), []string{refreshPartial + "10"}},
	"http-api-junction-webhook-ignored.json":    {"http-api", wantHTTP("ignored"), []string{}},
	"http-api-junction-webhook-error.json":      {"http-api", wantHTTP("ignored"), []string{}},
	"http-api-junction-webhook-historical.json": {"http-api", wantHTTP("ignored"), []string{}},
	"rest-api.json":                             {"rest-api", wantHTTP("partial"), []string{refreshPartial + "27"}},
	"function-url.json":                         {"function-url", wantHTTP("completed"), []string{refreshCompleted + "30"}},
}

func TestEventFilesAreAnsweredAsTheirTriggerExpects(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(harness.Path("events/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "env.json" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, ok := expectations[name]
			if !ok {
				t.Fatalf("%s has no expectation: add one", name)
			}
			event, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f := harness.New(t)
			want.check(t, f.Invoke(t, string(event)))
			sent := f.Junction.Requests()
			slices.Sort(sent)
			slices.Sort(want.sent)
			if diff := cmp.Diff(want.sent, sent); diff != "" {
				t.Errorf("the requests to Junction differ (-want +got):\n%s", diff)
			}
			for _, line := range f.Logged(t, "refresh") {
				if line["trigger"] != want.trigger {
					t.Errorf("trigger is %q, want %q", line["trigger"], want.trigger)
				}
			}
		})
	}
}

func wantResult(status string) func(*testing.T, []byte) {
	return func(t *testing.T, answer []byte) {
		t.Helper()
		if got := harness.ReadResult(t, answer); got.Status != status {
			t.Errorf("status is %q, want %q: %s", got.Status, status, answer)
		}
	}
}

func wantResults(users int, statuses ...string) func(*testing.T, []byte) {
	return func(t *testing.T, answer []byte) {
		t.Helper()
		got := harness.Decode[struct {
			Summary struct{ Users int }
			Results []json.RawMessage
		}](t, answer)
		if got.Summary.Users != users || len(got.Results) != len(statuses) {
			t.Fatalf("want %d users: %s", users, answer)
		}
		for i, result := range got.Results {
			wantResult(statuses[i])(t, result)
		}
	}
}

func wantNoFailures(t *testing.T, answer []byte) {
	t.Helper()
	if string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("the answer is %s", answer)
	}
}

func wantHTTP(status string) func(*testing.T, []byte) {
	return func(t *testing.T, answer []byte) {
		t.Helper()
		if got := harness.ReadResponse(t, answer).Result(t, http.StatusOK); got.Status != status {
			t.Errorf("status is %q, want %q: %s", got.Status, status, answer)
		}
	}
}
