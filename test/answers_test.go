package test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	invalidUserID = "99999999-9999-4999-8999-999999999999" // a UUID that Junction finds invalid
	marker        = "payload-marker-5c1e"
)

// httpEvent is what an HTTP API sends for POST /v2/user/refresh/{user_id}.
func httpEvent(userID string) string {
	return `{"version":"2.0","rawPath":"/v2/user/refresh/` + userID + `","headers":{"x-marker":"` + marker + `"},
		"requestContext":{"http":{"method":"POST","path":"/"}},"body":"` + marker + `"}`
}

func TestEachAnswerOfJunctionIsDecoded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		says           string
		userID, prefer string
		http           int
		want           result
	}{
		{"a 200 with a failed source is partial", junctiontest.DefaultUserID, "", 200,
			result{Success: true, Status: "partial", UpstreamStatus: 200, Attempts: 1}},
		{"a 200 is completed", junctiontest.CompletedUserID, "", 200,
			result{Success: true, Status: "completed", UpstreamStatus: 200, Attempts: 1}},
		{"a 202 is in progress", junctiontest.SlowUserID, "", 202,
			result{Success: true, Status: "in_progress", UpstreamStatus: 202, Attempts: 1}},
		{"a 400 says that there is no source", junctiontest.NoSourcesUserID, "", 400,
			result{Status: "failed", UpstreamStatus: 400, Attempts: 1, ErrorCode: "no_connected_sources"}},
		{"a 404 is an unknown user", junctiontest.UnknownUserID, "", 404,
			result{Status: "failed", UpstreamStatus: 404, Attempts: 1, ErrorCode: "user_not_found"}},
		{"a 422 hands its detail on", invalidUserID, "", 422,
			result{Status: "failed", UpstreamStatus: 422, Attempts: 1, ErrorCode: "upstream_invalid_request"}},
		{"a 401 that no newer key mends is our fault", junctiontest.DefaultUserID, "code=401", 502,
			result{Status: "failed", UpstreamStatus: 401, Attempts: 1, ErrorCode: "upstream_unauthorized"}},
		{"a 429 for longer than there is time is not waited for", junctiontest.DefaultUserID, "code=429", 429,
			result{Status: "failed", UpstreamStatus: 429, Attempts: 1, ErrorCode: "rate_limited"}},
	}
	for _, tt := range tests {
		t.Run(tt.says, func(t *testing.T) {
			t.Parallel()
			function, _, _ := whole(t, func(j *junction) { j.prefer = tt.prefer })
			got := readResult(t, httpBody(t, function.invoke(t, httpEvent(tt.userID)), tt.http))
			if got.Success != tt.want.Success || got.Status != tt.want.Status || got.UserID != tt.userID ||
				got.UpstreamStatus != tt.want.UpstreamStatus || got.Attempts != tt.want.Attempts || got.ErrorCode != tt.want.ErrorCode {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if tt.http == http.StatusUnprocessableEntity && !strings.Contains(string(got.Detail), "less_than_equal") {
				t.Errorf("the detail is %s", got.Detail)
			}
		})
	}
}

func TestARefreshIsExactlyTheDocumentedRequest(t *testing.T) {
	t.Parallel()
	function, junction, _ := whole(t)
	readResult(t, function.invoke(t, `{"user_id":"`+strings.ToUpper(junctiontest.DefaultUserID)+`","timeout":"7.5"}`))
	if got, want := junction.sent(), []string{refreshPartial + "7.5"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	for name, want := range map[string]string{"X-Vital-Api-Key": teamKey, "Accept": "application/json", "Content-Type": ""} {
		if got := junction.headers(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestAClientUserIDIsResolvedOnceByAnInstance(t *testing.T) {
	t.Parallel()
	function, junction, _ := whole(t)
	event := `{"client_user_id":"` + junctiontest.CompletedClientUserID + `"}`
	for range 2 {
		if got := readResult(t, function.invoke(t, event)); got.UserID != junctiontest.CompletedUserID || !got.Success {
			t.Errorf("got %+v", got)
		}
	}
	want := []string{resolveCompleted, refreshCompleted + "10", refreshCompleted + "10"}
	if got := junction.sent(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestARetryableFailureOfADirectCallIsALambdaErrorWithItsCode(t *testing.T) {
	t.Parallel()
	function, _, _ := whole(t, func(j *junction) { j.prefer = "code=429" })
	answer := decode[struct{ ErrorType, ErrorMessage string }](t,
		function.invoke(t, `{"user_id":"`+junctiontest.DefaultUserID+`"}`))
	if answer.ErrorType != "RateLimited" || !strings.Contains(answer.ErrorMessage, "3000 s") {
		t.Errorf("got %+v", answer)
	}
}

func TestARefreshIsOneLogLineWithoutKeyHeaderAndPayload(t *testing.T) {
	t.Parallel()
	s := newSecret(t, `{"api_key":"`+teamKey+`","tokens":["`+marker+`"]}`)
	function := startLambda(t, 90, s.environment(),
		map[string]string{"JUNCTION_BASE_URL": newJunction(t).URL, "AWS_LAMBDA_LOG_LEVEL": "TRACE"})
	events := []string{
		httpEvent(junctiontest.DefaultUserID),
		`{"user_id":"` + junctiontest.CompletedUserID + `","note":"` + marker + `"}`,
		`{"user_id":"` + marker + `"}`,
		`{"` + marker + `":1}`,
		marker,
		`{"Records":[{"eventSource":"` + marker + `"}]}`,
		`{"client_user_id":"` + junctiontest.NoSourcesClientUserID + `","note":"` + marker + `"}`,
	}
	for _, event := range events {
		if !strings.HasPrefix(event, "{") {
			event = `["` + event + `"]`
		}
		function.invoke(t, event)
	}
	lines := function.logged(t, "refresh")
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
	for _, never := range []string{teamKey, marker} {
		for line := range strings.Lines(function.output()) {
			if strings.Contains(line, never) {
				t.Errorf("%q is in the log: %s", never, line)
			}
		}
	}
}
