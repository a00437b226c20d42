package contract

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// expectations say for each file of events/ how it is answered, and what Junction is sent, sorted. A timeout of 30 s
// becomes 28 s behind an HTTP API, 27 s behind a REST API and 12 s for a webhook.
var expectations = map[string]struct {
	trigger string
	check   func(*testing.T, []byte)
	sent    []string
}{
	"direct.json":                               {"direct", wantResult("partial"), []string{refreshPartial + "30", explainPartial}},
	"all-users.json":                            {"direct", wantResult("failed"), []string{}}, // no queue
	"direct-many.json":                          {"direct", wantResults(3, "partial", "completed", "in_progress"), []string{refreshPartial + "10", explainPartial, refreshCompleted + "10", refreshSlow + "10"}},
	"schedule.json":                             {"direct", wantResults(2, "partial", "completed"), []string{refreshPartial + "30", explainPartial, refreshCompleted + "30"}},
	"step-functions.json":                       {"direct", wantResult("completed"), []string{refreshCompleted + "30"}},
	"eventbridge.json":                          {"eventbridge", wantResult("partial"), []string{refreshPartial + "30", explainPartial}},
	"sqs.json":                                  {"sqs", wantNoFailures, []string{resolveCompleted, refreshPartial + "20", explainPartial, refreshSlow + "20", refreshCompleted + "20"}},
	"sqs-follow-up.json":                        {"sqs", wantOneFailure, []string{}}, // no queue and no bus
	"sqs-queued.json":                           {"sqs", wantNoFailures, []string{refreshPartial + "30", explainPartial}},
	"http-api-async.json":                       {"http-api", wantHTTP("partial"), []string{refreshPartial + "28", explainPartial}},
	"http-api.json":                             {"http-api", wantHTTP("partial"), []string{refreshPartial + "28", explainPartial}},
	"http-api-get.json":                         {"http-api", wantState, []string{}},
	"http-api-max-age.json":                     {"http-api", wantHTTP("partial"), []string{refreshPartial + "28", explainPartial}},
	"http-api-webhook.json":                     {"http-api", wantHTTP("partial"), []string{refreshPartial + "12", explainPartial}},
	"http-api-webhook-base64.json":              {"http-api", wantHTTP("completed"), []string{refreshCompleted + "10"}},
	"http-api-junction-webhook.json":            {"http-api", wantHTTP("partial"), []string{refreshPartial + "10", explainPartial}},
	"http-api-junction-webhook-ignored.json":    {"http-api", wantHTTP("ignored"), []string{}},
	"http-api-junction-webhook-error.json":      {"http-api", wantHTTP("ignored"), []string{}},
	"http-api-junction-webhook-historical.json": {"http-api", wantHTTP("ignored"), []string{}},
	"rest-api.json":                             {"rest-api", wantHTTP("partial"), []string{refreshPartial + "27", explainPartial}},
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

// With a bus, these files are published too: by detail type.
func TestEventFilesArePublishedAsTheirDetailType(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"http-api-junction-webhook-error.json": harness.ConnectionErrorEvent, "sqs-follow-up.json": harness.ResultEvent,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithQueue())
			f.Invoke(t, harness.ReadFile(t, "events/"+file))
			if got := f.AWS.PublishedEvents(t, 1)[0]; got.DetailType != want {
				t.Errorf("it was published as %q, want %q: %s", got.DetailType, want, got.Detail)
			}
			if calls := f.Simulator.Count(junctiontest.RefreshCall, ""); calls != 0 {
				t.Errorf("Junction was asked for %d refreshes, want 0", calls)
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

func wantOneFailure(t *testing.T, answer []byte) {
	t.Helper()
	if ids := harness.BatchItemFailures(t, answer); len(ids) != 1 {
		t.Errorf("the answer is %s", answer)
	}
}

func wantState(t *testing.T, answer []byte) {
	t.Helper()
	got := harness.ReadResponse(t, answer).State(t)
	if got.UserID != junctiontest.DefaultUserID || got.CallsInWindow != 0 {
		t.Errorf("the state is %+v", got)
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
