package observe_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestARefreshIsLoggedWithItsResultsFieldsAndWithoutItsLists(t *testing.T) {
	got := line(t, func(o observe.Observer) { o.Refreshed(t.Context(), origin, completed()) })
	want := map[string]any{
		"level": "INFO", "msg": "refresh",
		"trigger": "sqs", "queued_by": "rest-api", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "request_id": "request-1",
		"success": true, "status": "partial", "user_id": user, "coalesced": false, "upstream_status": 200.0, "attempts": 2.0,
		"timeout_seconds": 28.0, "requested_timeout_seconds": 30.0, "duration_ms": 1500.0, "completed_at": "2026-11-23T18:12:30Z",
		"final": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestAFailedRefreshIsLoggedInTheFunctionsOwnWords(t *testing.T) {
	f := &result.Failure{
		Code: result.RateLimited, Message: "ours", Shown: "theirs", RetryAfter: 1500 * time.Millisecond,
		FailedSources: []string{"oura/sleep"}, Detail: []byte(`["theirs"]`), Cause: errors.New("status 429"),
	}
	got := line(t, func(o observe.Observer) { o.Refreshed(t.Context(), observe.Origin{}, result.FromFailure(user, f)) })
	want := map[string]any{
		"level": "WARN", "msg": "refresh", "trigger": "", "trace_id": "", "request_id": "", "user_id": user,
		"success": false, "status": "failed", "coalesced": false, "upstream_status": 0.0, "attempts": 0.0,
		"timeout_seconds": 0.0, "requested_timeout_seconds": 0.0, "duration_ms": 0.0, "completed_at": got["completed_at"], "final": true,
		"error": "ours", "error_code": "rate_limited", "cause": "status 429", "retryable": true, "retry_after_seconds": 2.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestALinesLevelFollowsFromTheResult(t *testing.T) {
	failed := func(code result.Code) result.Result { return result.FromFailure(user, result.Fail(code, "x")) }
	degraded := func(out result.Result) result.Result {
		out.Degraded = errors.New("no table")
		return out
	}
	for name, c := range map[string]struct {
		out  result.Result
		want string
	}{
		"a success":                                  {completed(), "INFO"},
		"a queued refresh":                           {result.FromQueued(user), "INFO"},
		"an ignored event":                           {result.FromIgnored(user), "DEBUG"},
		"the caller's mistake":                       {failed(result.InvalidRequest), "INFO"},
		"Junction's trouble":                         {failed(result.UpstreamUnavailable), "WARN"},
		"what an operator must fix":                  {failed(result.SecretUnavailable), "ERROR"},
		"a success without the quota":                {degraded(completed()), "WARN"},
		"what an operator must fix, without a quota": {degraded(failed(result.SecretUnavailable)), "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			got := line(t, func(o observe.Observer) { o.Refreshed(t.Context(), origin, c.out) })
			if got["level"] != c.want {
				t.Errorf("it is logged at %v, want %s", got["level"], c.want)
			}
			var quotaError any
			if c.out.Degraded != nil {
				quotaError = "no table"
			}
			if got["quota_error"] != quotaError {
				t.Errorf("quota_error is %v, want %v", got["quota_error"], quotaError)
			}
		})
	}
}

func TestUsersThatWereQueuedAreLoggedAsACount(t *testing.T) {
	got := line(t, func(o observe.Observer) { o.Queued(t.Context(), origin, 1001, 3) })
	want := map[string]any{
		"level": "INFO", "msg": "queued", "trigger": "sqs", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
		"request_id": "request-1", "users": 1001.0, "pages": 3.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestAResultThatCouldNotBePublishedIsLoggedWithItsUser(t *testing.T) {
	f := result.FailFor(result.PublishFailed, "the result could not be published", errors.New("InternalFailure"))
	got := line(t, func(o observe.Observer) { o.PublishFailed(t.Context(), origin, completed(), f) })
	want := map[string]any{
		"level": "ERROR", "msg": "publish", "trigger": "sqs", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "request_id": "request-1",
		"user_id": user, "error": "the result could not be published", "error_code": "publish_failed", "cause": "InternalFailure",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another line is logged (-want +got):\n%s", diff)
	}
}

func TestTheEndOfAnInvocationHasNoLineOfItsOwn(t *testing.T) {
	got := line(t, func(o observe.Observer) { o.Invoked(t.Context(), origin, result.Fail(result.Internal, "x")) })
	if got != nil {
		t.Errorf("it is logged: %v", got)
	}
}

func TestTheTraceIDIsTheRootOfTheTraceHeader(t *testing.T) {
	for header, want := range map[string]string{
		"Root=1-5759e988-bd86;Parent=5399;Sampled=1": "1-5759e988-bd86",
		"Parent=5399;Root=1-5759e988-bd86":           "1-5759e988-bd86",
		"Root=1-5759e988-bd86":                       "1-5759e988-bd86",
		"Parent=5399;Sampled=1":                      "",
		"":                                           "",
	} {
		t.Run(header, func(t *testing.T) {
			if got := (observe.Origin{Trigger: document.Direct, TraceHeader: header}).TraceID(); got != want {
				t.Errorf("the trace ID is %q, want %q", got, want)
			}
		})
	}
}
