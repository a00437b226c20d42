package result_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestResultOfAnAnswer(t *testing.T) {
	withings, oura := []string{"withings/body"}, []string{"oura/sleep"}
	for name, c := range map[string]struct {
		answer result.Answer
		want   result.Status
	}{
		"a 200 with everything refreshed is completed":   {result.Answer{Status: 200, Refreshed: withings}, result.Completed},
		"a 200 with empty lists is completed":            {result.Answer{Status: 200}, result.Completed},
		"a 200 with a source in progress is in progress": {result.Answer{Status: 200, InProgress: withings, Failed: oura}, result.InProgress},
		"a 202 with empty lists is in progress":          {result.Answer{Status: 202}, result.InProgress},
		"a 200 with a failed source is partial":          {result.Answer{Status: 200, Refreshed: withings, Failed: oura}, result.Partial},
		"a 200 with only failed sources is partial":      {result.Answer{Status: 200, Failed: withings}, result.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			got := result.From("u", c.answer)
			if got.Status != c.want || !got.Success || got.UpstreamStatus != c.answer.Status || got.Failure() != nil {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestResultsWithoutACall(t *testing.T) {
	for name, c := range map[string]struct {
		got, want result.Result
	}{
		"in flight": {result.FromInFlight("u"), result.Result{SchemaVersion: 1, Final: true, Success: true, Status: result.InProgress, UserID: "u", Coalesced: true}},
		"queued":    {result.FromQueued("u"), result.Result{SchemaVersion: 1, Final: true, Success: true, Status: result.Queued, UserID: "u"}},
		"ignored":   {result.FromIgnored("u"), result.Result{SchemaVersion: 1, Final: true, Success: true, Status: result.Ignored, UserID: "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			diff := cmp.Diff(c.want, c.got, cmpopts.IgnoreUnexported(result.Result{}), cmpopts.EquateEmpty(),
				cmpopts.IgnoreFields(result.Result{}, "CompletedAt"))
			if diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if c.got.CompletedAt.IsZero() || c.got.CompletedAt.Location() != time.UTC || c.got.CompletedAt.Nanosecond() != 0 {
				t.Errorf("completed at %v, want whole seconds in UTC", c.got.CompletedAt)
			}
		})
	}
}

func TestAResultIsFinalUnlessItIsFollowedUp(t *testing.T) {
	for name, got := range map[string]result.Result{
		"completed":   result.From("u", result.Answer{Status: 200}),
		"partial":     result.From("u", result.Answer{Status: 200, Failed: []string{"oura/sleep"}}),
		"in progress": result.From("u", result.Answer{Status: 202, InProgress: []string{"oura/sleep"}}), // its caller sets false
		"in flight":   result.FromInFlight("u"),
		"failed":      result.FromFailure("u", result.Fail(result.UpstreamTimeout, "x")),
		"queued":      result.FromQueued("u"), // its caller sets false if there is a bus
		"ignored":     result.FromIgnored("u"),
	} {
		t.Run(name, func(t *testing.T) {
			if !got.Final || got.SchemaVersion != 1 {
				t.Errorf("final %t, schema version %d; want true and 1", got.Final, got.SchemaVersion)
			}
		})
	}
}

func TestWhatOnlyAnOperatorCanFixIsNotRetriedByCallers(t *testing.T) {
	for _, code := range []result.Code{result.UpstreamUnauthorized, result.Misconfigured} {
		t.Run(string(code), func(t *testing.T) {
			out := result.FromFailure("u", result.Fail(code, "x"))
			if *out.Retryable || out.Failure().Status() != 424 {
				t.Errorf("retryable %t, status %d; want false and 424", *out.Retryable, out.Failure().Status())
			}
			if !out.Failure().Requeue() {
				t.Error("a queue does not keep it")
			}
		})
	}
}

func TestListsAreSortedAndWithoutDuplicatesAndEmptyNames(t *testing.T) {
	names := []string{"withings/sleep", "", "oura/sleep", "withings/sleep"}
	given := slices.Clone(names)
	got := result.From("u", result.Answer{Status: 200, Refreshed: given}).RefreshedSources
	if diff := cmp.Diff([]string{"oura/sleep", "withings/sleep"}, got); diff != "" {
		t.Errorf("refreshed sources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(names, given); diff != "" {
		t.Errorf("the caller's list was changed:\n%s", diff)
	}
}

func TestListsAreNeverNullInJSON(t *testing.T) {
	text, err := json.Marshal(result.FromIgnored(""))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"refreshed_sources", "in_progress_sources", "failed_sources", "sources"} {
		t.Run(name, func(t *testing.T) {
			if list, ok := fields[name].([]any); !ok || len(list) != 0 {
				t.Errorf("%v, want []", fields[name])
			}
		})
	}
}

func TestSources(t *testing.T) {
	oura := []string{"oura/sleep"}
	for name, c := range map[string]struct {
		answer result.Answer
		want   []result.Source
	}{
		"a name is split at the first slash": {
			result.Answer{Refreshed: []string{"withings/vitals/blood_pressure"}},
			[]result.Source{{Provider: "withings", Resource: "vitals/blood_pressure", State: "refreshed"}},
		},
		"a name without a slash is the provider": {
			result.Answer{Failed: []string{"oura"}},
			[]result.Source{{Provider: "oura", State: "failed"}},
		},
		"sources are sorted by provider and resource": {
			result.Answer{Refreshed: []string{"b/a", "a/z"}, InProgress: []string{"a/b"}},
			[]result.Source{{Provider: "a", Resource: "b", State: "in_progress"}, {Provider: "a", Resource: "z", State: "refreshed"}, {Provider: "b", Resource: "a", State: "refreshed"}},
		},
		"failed overrides every other state": {
			result.Answer{Refreshed: oura, InProgress: oura, Failed: oura},
			[]result.Source{{Provider: "oura", Resource: "sleep", State: "failed"}},
		},
		"in progress overrides refreshed": {
			result.Answer{Refreshed: oura, InProgress: oura},
			[]result.Source{{Provider: "oura", Resource: "sleep", State: "in_progress"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.answer.Status = 200
			if diff := cmp.Diff(c.want, result.From("u", c.answer).Sources); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResultOfAFailure(t *testing.T) {
	failure := &result.Failure{
		Code: result.NoConnectedSources, Message: "for the log", Shown: "for the caller", UpstreamStatus: 400,
		FailedSources: []string{"oura/sleep"}, RetryAfter: 1500 * time.Millisecond, Detail: json.RawMessage(`[]`),
	}
	got := result.FromFailure("u", failure)
	retryable := false
	want := result.Result{
		SchemaVersion: 1, Final: true, Status: result.Failed, UserID: "u", UpstreamStatus: 400,
		FailedSources: []string{"oura/sleep"}, Sources: []result.Source{{Provider: "oura", Resource: "sleep", State: "failed"}},
		Error: "for the caller", ErrorCode: "no_connected_sources", Retryable: &retryable, RetryAfterSeconds: 2, Detail: json.RawMessage(`[]`),
	}
	diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(result.Result{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(result.Result{}, "CompletedAt"))
	if diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if got.Failure() != failure {
		t.Errorf("the failure of the result is %v", got.Failure())
	}
	if got, want := failure.Error(), "no_connected_sources: for the log"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
}

func TestAFailureWithoutAShownTextShowsItsMessage(t *testing.T) {
	if got := result.Fail(result.Internal, "a message").Text(); got != "a message" {
		t.Errorf("shown as %q", got)
	}
}

func TestAFailuresStatusOverridesThatOfItsCode(t *testing.T) {
	failure := result.Fail(result.InvalidRequest, "x")
	if got := failure.Status(); got != 400 {
		t.Errorf("status %d, want 400", got)
	}
	failure.HTTPStatus = 413
	if got := failure.Status(); got != 413 {
		t.Errorf("status %d, want 413", got)
	}
}

func TestAsFailure(t *testing.T) {
	t.Run("a wrapped failure is found", func(t *testing.T) {
		failure := result.Fail(result.RateLimited, "x")
		if got := result.AsFailure(fmt.Errorf("wrapped: %w", failure)); got != failure {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("any other error is internal and not shown", func(t *testing.T) {
		cause := errors.New("a cause that no caller may see")
		got := result.AsFailure(cause)
		if got.Code != result.Internal || got.Text() != "internal error" || !errors.Is(got, cause) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		code      result.Code
		retryable bool
		status    int
		level     slog.Level
		errorType string
	}{
		{result.InvalidRequest, false, 400, slog.LevelInfo, "InvalidRequest"},
		{result.Unauthenticated, false, 401, slog.LevelInfo, "Unauthenticated"},
		{result.NotFound, false, 404, slog.LevelInfo, "NotFound"},
		{result.MethodNotAllowed, false, 405, slog.LevelInfo, "MethodNotAllowed"},
		{result.NoConnectedSources, false, 400, slog.LevelInfo, "NoConnectedSources"},
		{result.UpstreamRejected, false, 400, slog.LevelWarn, "UpstreamRejected"},
		{result.UserNotFound, false, 404, slog.LevelInfo, "UserNotFound"},
		{result.UpstreamInvalidRequest, false, 422, slog.LevelWarn, "UpstreamInvalidRequest"},
		{result.UpstreamUnauthorized, false, 424, slog.LevelError, "UpstreamUnauthorized"},
		{result.RateLimited, true, 429, slog.LevelWarn, "RateLimited"},
		{result.InFlight, true, 503, slog.LevelInfo, "InFlight"},
		{result.QuotaUnavailable, true, 503, slog.LevelError, "QuotaUnavailable"},
		{result.UpstreamUnavailable, true, 503, slog.LevelWarn, "UpstreamUnavailable"},
		{result.UpstreamTimeout, true, 504, slog.LevelWarn, "UpstreamTimeout"},
		{result.UpstreamInvalidResponse, true, 502, slog.LevelWarn, "UpstreamInvalidResponse"},
		{result.InsufficientTime, true, 503, slog.LevelWarn, "InsufficientTime"},
		{result.SecretUnavailable, true, 503, slog.LevelError, "SecretUnavailable"},
		{result.Misconfigured, false, 424, slog.LevelError, "Misconfigured"},
		{result.PublishFailed, true, 503, slog.LevelError, "PublishFailed"},
		{result.QueueFailed, true, 503, slog.LevelError, "QueueFailed"},
		{result.Internal, true, 500, slog.LevelError, "Internal"},
		{"not_a_code", true, 500, slog.LevelError, "NotACode"}, // counts as internal
	} {
		t.Run(string(c.code), func(t *testing.T) {
			if got := c.code.Retryable(); got != c.retryable {
				t.Errorf("retryable %t, want %t", got, c.retryable)
			}
			operator := c.code == result.UpstreamUnauthorized || c.code == result.Misconfigured
			if got, want := c.code.Requeue(), c.retryable || operator; got != want {
				t.Errorf("kept by a queue %t, want %t", got, want)
			}
			if f := result.Fail(c.code, "x"); f.Retryable() != c.code.Retryable() || f.Requeue() != c.code.Requeue() || f.Status() != c.code.HTTPStatus() {
				t.Errorf("its failure says otherwise: %+v", f)
			}
			if got := c.code.HTTPStatus(); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			if got := c.code.Level(); got != c.level {
				t.Errorf("level %v, want %v", got, c.level)
			}
			if got := c.code.ErrorType(); got != c.errorType {
				t.Errorf("error type %s, want %s", got, c.errorType)
			}
		})
	}
}
