package test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	refreshPartial   = "POST /v2/user/refresh/" + junctiontest.DefaultUserID + "?timeout="
	refreshCompleted = "POST /v2/user/refresh/" + junctiontest.CompletedUserID + "?timeout="
	refreshSlow      = "POST /v2/user/refresh/" + junctiontest.SlowUserID + "?timeout="
	resolveCompleted = "GET /v2/user/resolve/" + junctiontest.CompletedClientUserID
)

// expectations are how each file of events/ is answered as its trigger expects it, and what Junction is
// sent meanwhile, sorted. The timeouts are section 3's: 30 s asked for are 28 behind an HTTP API, 27
// behind a REST API, 12 in a webhook.
var expectations = map[string]struct {
	trigger string
	answers func(*testing.T, []byte)
	sent    []string
}{
	"direct.json":                               {"direct", answersResult("partial"), []string{refreshPartial + "30"}},
	"all-users.json":                            {"direct", answersResult("failed"), []string{}}, // no queue
	"direct-many.json":                          {"direct", answersMany(3, "partial", "completed", "in_progress"), []string{refreshPartial + "10", refreshCompleted + "10", refreshSlow + "10"}},
	"schedule.json":                             {"direct", answersMany(2, "partial", "completed"), []string{refreshPartial + "30", refreshCompleted + "30"}},
	"step-functions.json":                       {"direct", answersResult("completed"), []string{refreshCompleted + "30"}},
	"eventbridge.json":                          {"eventbridge", answersResult("partial"), []string{refreshPartial + "30"}},
	"sqs.json":                                  {"sqs", answersBatch, []string{resolveCompleted, refreshPartial + "20", refreshCompleted + "20", refreshCompleted + "20"}},
	"sqs-queued.json":                           {"sqs", answersBatch, []string{refreshPartial + "30"}},
	"http-api-async.json":                       {"http-api", answersHTTP("partial"), []string{refreshPartial + "28"}},
	"http-api.json":                             {"http-api", answersHTTP("partial"), []string{refreshPartial + "28"}},
	"http-api-webhook.json":                     {"http-api", answersHTTP("partial"), []string{refreshPartial + "12"}},
	"http-api-webhook-base64.json":              {"http-api", answersHTTP("completed"), []string{refreshCompleted + "10"}},
	"http-api-junction-webhook.json":            {"http-api", answersHTTP("partial"), []string{refreshPartial + "10"}},
	"http-api-junction-webhook-ignored.json":    {"http-api", answersHTTP("ignored"), []string{}},
	"http-api-junction-webhook-error.json":      {"http-api", answersHTTP("ignored"), []string{}},
	"http-api-junction-webhook-historical.json": {"http-api", answersHTTP("ignored"), []string{}},
	"rest-api.json":                             {"rest-api", answersHTTP("partial"), []string{refreshPartial + "27"}},
	"function-url.json":                         {"function-url", answersHTTP("completed"), []string{refreshCompleted + "30"}},
}

func TestEveryEventFileIsAnsweredAsItsTriggerExpects(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../events/*.json")
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
			function, junction, _ := whole(t)
			want.answers(t, function.invoke(t, string(event)))
			sent := junction.sent()
			slices.Sort(sent)
			slices.Sort(want.sent)
			if !slices.Equal(sent, want.sent) {
				t.Errorf("Junction was sent %q, want %q", sent, want.sent)
			}
			for _, line := range function.logged(t, "refresh") {
				if line["trigger"] != want.trigger {
					t.Errorf("trigger is %q, want %q", line["trigger"], want.trigger)
				}
			}
		})
	}
}

func answersResult(status string) func(*testing.T, []byte) {
	return func(t *testing.T, body []byte) {
		t.Helper()
		if got := readResult(t, body); got.Status != status {
			t.Errorf("status is %q, want %q: %s", got.Status, status, body)
		}
	}
}

func answersMany(users int, statuses ...string) func(*testing.T, []byte) {
	return func(t *testing.T, body []byte) {
		t.Helper()
		many := decode[struct {
			Summary struct{ Users int }
			Results []json.RawMessage
		}](t, body)
		if many.Summary.Users != users || len(many.Results) != len(statuses) {
			t.Fatalf("want %d users: %s", users, body)
		}
		for i, one := range many.Results {
			answersResult(statuses[i])(t, one)
		}
	}
}

func answersBatch(t *testing.T, body []byte) {
	t.Helper()
	if string(body) != `{"batchItemFailures":[]}` {
		t.Errorf("the batch's answer is %s", body)
	}
}

func answersHTTP(status string) func(*testing.T, []byte) {
	return func(t *testing.T, body []byte) {
		t.Helper()
		answersResult(status)(t, httpBody(t, body, http.StatusOK))
	}
}

// httpBody returns the body of an HTTP answer, whose status must be the one given.
func httpBody(t *testing.T, answer []byte, status int) []byte {
	t.Helper()
	response := decode[struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}](t, answer)
	if response.StatusCode != status || response.Headers["Content-Type"] != "application/json" {
		t.Fatalf("want an HTTP answer with status %d: %s", status, answer)
	}
	return []byte(response.Body)
}
