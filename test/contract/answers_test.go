package contract

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// outcome has the fields of a result that depend on Junction's status.
type outcome struct {
	Success        bool
	Status         string
	UserID         string
	UpstreamStatus int
	Attempts       int
	ErrorCode      string
}

func outcomeOf(r harness.Result) outcome {
	return outcome{r.Success, r.Status, r.UserID, r.UpstreamStatus, r.Attempts, r.ErrorCode}
}

func TestJunctionAnswersAreDecoded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		prefer     string // Prism's answer; "" is that of the user
		httpStatus int
		want       outcome
	}{
		{"a 200 with a failed source is partial", "", 200, outcome{true, "partial", junctiontest.DefaultUserID, 200, 1, ""}},
		{"a 200 is completed", "", 200, outcome{true, "completed", junctiontest.CompletedUserID, 200, 1, ""}},
		{"a 202 is in progress", "", 202, outcome{true, "in_progress", junctiontest.SlowUserID, 202, 1, ""}},
		{"a 400 means no source", "", 400, outcome{false, "failed", junctiontest.NoSourcesUserID, 400, 1, "no_connected_sources"}},
		{"a 404 means an unknown user", "", 404, outcome{false, "failed", junctiontest.UnknownUserID, 404, 1, "user_not_found"}},
		{"a 422 passes its detail on", "", 422, outcome{false, "failed", harness.InvalidUserID, 422, 1, "upstream_invalid_request"}},
		{"a 401 without a newer key is for an operator to fix", "code=401", 424, outcome{false, "failed", junctiontest.DefaultUserID, 401, 1, "upstream_unauthorized"}},
		{"a 429 beyond the time left is not retried", "code=429", 429, outcome{false, "failed", junctiontest.DefaultUserID, 429, 1, "rate_limited"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithJunction(func(j *harness.Junction) { j.Prefer = test.prefer }))
			got := f.PostHTTPAPI(t, harness.RefreshPath(test.want.UserID), nil, "").Result(t, test.httpStatus)
			if diff := cmp.Diff(test.want, outcomeOf(got)); diff != "" {
				t.Errorf("the result differs (-want +got):\n%s", diff)
			}
			if test.httpStatus == http.StatusUnprocessableEntity && !strings.Contains(string(got.Detail), "less_than_equal") {
				t.Errorf("the detail is %s", got.Detail)
			}
		})
	}
}

func TestRefreshSendsTheDocumentedRequest(t *testing.T) {
	t.Parallel()
	f := harness.New(t)
	harness.ReadResult(t, f.Invoke(t, `{"user_id":"`+strings.ToUpper(junctiontest.DefaultUserID)+`","timeout":"7.5"}`))
	if diff := cmp.Diff([]string{refreshPartial + "7.5", explainPartial}, f.Junction.Requests()); diff != "" {
		t.Errorf("the requests differ (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"X-Vital-Api-Key": harness.TeamKey, "Accept": "application/json", "Content-Type": ""} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{want}, f.Junction.HeaderValues(name)); diff != "" {
				t.Errorf("the header differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientUserIDIsResolvedOncePerInstance(t *testing.T) {
	t.Parallel()
	f := harness.New(t)
	for range 2 {
		got := harness.ReadResult(t, f.Invoke(t, `{"client_user_id":"`+junctiontest.CompletedClientUserID+`"}`))
		if got.UserID != junctiontest.CompletedUserID || !got.Success {
			t.Errorf("user %q, success %t", got.UserID, got.Success)
		}
	}
	want := []string{resolveCompleted, refreshCompleted + "10", refreshCompleted + "10"}
	if diff := cmp.Diff(want, f.Junction.Requests()); diff != "" {
		t.Errorf("the requests differ (-want +got):\n%s", diff)
	}
}

func TestRetryableFailureOfADirectCallIsALambdaError(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithJunction(func(j *harness.Junction) { j.Prefer = "code=429" }))
	answer, err := f.Try([]byte(refreshOf(junctiontest.DefaultUserID)))
	var failed *harness.LambdaError
	if !errors.As(err, &failed) {
		t.Fatalf("want a Lambda error, got %s and %v", answer, err)
	}
	if failed.Type != "RateLimited" || !strings.Contains(failed.Message, "3000 s") {
		t.Errorf("type %q, message %q", failed.Type, failed.Message)
	}
}

// New checks that the log has neither the key, nor a header, nor a payload.
func TestRefreshLogsOneLineWithoutKeyHeaderAndPayload(t *testing.T) {
	t.Parallel()
	const marker = harness.Marker
	f := harness.New(t, harness.WithSecret(`{"api_key":"`+harness.TeamKey+`","tokens":["`+marker+`"]}`),
		harness.WithEnv(map[string]string{"AWS_LAMBDA_LOG_LEVEL": "TRACE"}))
	events := []string{
		awstest.Request{Path: harness.RefreshPath(junctiontest.DefaultUserID), Header: http.Header{"X-Marker": {marker}}, Body: marker}.HTTPAPI(),
		`{"user_id":"` + junctiontest.CompletedUserID + `","note":"` + marker + `"}`,
		`{"user_id":"` + marker + `"}`,
		`{"` + marker + `":1}`,
		`["` + marker + `"]`,
		`{"Records":[{"eventSource":"` + marker + `"}]}`,
		`{"client_user_id":"` + junctiontest.NoSourcesClientUserID + `","note":"` + marker + `"}`,
	}
	for _, event := range events {
		f.Invoke(t, event)
	}
	lines := f.Logged(t, "refresh")
	if len(lines) != len(events) {
		t.Errorf("%d log lines for %d refreshes", len(lines), len(events))
	}
	for _, name := range []string{"trigger", "trace_id", "success", "status", "user_id", "timeout_seconds",
		"requested_timeout_seconds", "upstream_status", "attempts", "duration_ms", "coalesced", "request_id", "completed_at"} {
		for _, line := range lines {
			if _, ok := line[name]; !ok {
				t.Errorf("a log line has no %s: %v", name, line)
			}
		}
	}
}
