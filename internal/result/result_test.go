package result_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// SPEC section 4: code, retryable, HTTP status.
var codes = []struct {
	code      result.Code
	retryable bool
	http      int
	errorType string
}{
	{result.InvalidRequest, false, 400, "InvalidRequest"},
	{result.Unauthenticated, false, 401, "Unauthenticated"},
	{result.NotFound, false, 404, "NotFound"},
	{result.MethodNotAllowed, false, 405, "MethodNotAllowed"},
	{result.NoConnectedSources, false, 400, "NoConnectedSources"},
	{result.UpstreamRejected, false, 400, "UpstreamRejected"},
	{result.UserNotFound, false, 404, "UserNotFound"},
	{result.UpstreamInvalidRequest, false, 422, "UpstreamInvalidRequest"},
	{result.UpstreamUnauthorized, false, 502, "UpstreamUnauthorized"},
	{result.RateLimited, true, 429, "RateLimited"},
	{result.UpstreamUnavailable, true, 503, "UpstreamUnavailable"},
	{result.UpstreamTimeout, true, 504, "UpstreamTimeout"},
	{result.UpstreamInvalidResponse, true, 502, "UpstreamInvalidResponse"},
	{result.InsufficientTime, true, 503, "InsufficientTime"},
	{result.SecretUnavailable, true, 503, "SecretUnavailable"},
	{result.Misconfigured, false, 500, "Misconfigured"},
	{result.PublishFailed, true, 503, "PublishFailed"},
	{result.QueueFailed, true, 503, "QueueFailed"},
	{result.Internal, true, 500, "Internal"},
}

func TestEachCodeHasItsHTTPStatusItsRetryableAndItsErrorType(t *testing.T) {
	for _, c := range codes {
		if c.code.HTTPStatus() != c.http || c.code.Retryable() != c.retryable || c.code.ErrorType() != c.errorType {
			t.Errorf("%s: %d %v %s, want %d %v %s", c.code, c.code.HTTPStatus(), c.code.Retryable(), c.code.ErrorType(), c.http, c.retryable, c.errorType)
		}
	}
}

func TestWhatSomebodyHasToMendIsLoggedAsAnErrorAndWhatACallerDidIsNot(t *testing.T) {
	for code, want := range map[result.Code]slog.Level{
		result.InvalidRequest: slog.LevelInfo, result.RateLimited: slog.LevelWarn,
		result.UpstreamUnauthorized: slog.LevelError, result.Misconfigured: slog.LevelError, result.Internal: slog.LevelError,
	} {
		if code.Level() != want {
			t.Errorf("%s is logged at %v, want %v", code, code.Level(), want)
		}
	}
}

func TestAnUnknownCodeCountsAsInternal(t *testing.T) {
	if code := result.Code("new"); code.HTTPStatus() != 500 || !code.Retryable() {
		t.Error("an unknown code is not treated as internal")
	}
}

func TestStatus(t *testing.T) {
	one := []string{"withings/body"}
	for name, c := range map[string]struct {
		answer result.Answer
		want   result.Status
	}{
		"a 200 with everything refreshed is completed":        {result.Answer{Status: 200, Refreshed: one}, result.Completed},
		"a 200 with empty lists is completed":                 {result.Answer{Status: 200}, result.Completed},
		"a 200 with a source going on is in progress":         {result.Answer{Status: 200, InProgress: one, Failed: []string{"oura/sleep"}}, result.InProgress},
		"a 202 is in progress even with nothing listed":       {result.Answer{Status: 202}, result.InProgress},
		"a failed source and none going on is partial":        {result.Answer{Status: 200, Refreshed: one, Failed: []string{"oura/sleep"}}, result.Partial},
		"only failed sources are partial: Junction succeeded": {result.Answer{Status: 200, Failed: one}, result.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			got := result.From("u", c.answer)
			if got.Status != c.want || !got.Success || got.UpstreamStatus != c.answer.Status || got.Failure() != nil {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestListsAreSortedWithoutDuplicatesAndNeverNull(t *testing.T) {
	names := []string{"withings/sleep", "", "oura/sleep", "withings/sleep"}
	got := result.From("u", result.Answer{Status: 200, Refreshed: names})
	if !slices.Equal(got.RefreshedSources, []string{"oura/sleep", "withings/sleep"}) {
		t.Errorf("refreshed: %q", got.RefreshedSources)
	}
	if names[0] != "withings/sleep" {
		t.Error("the caller's list was changed")
	}
	text, err := json.Marshal(result.FromIgnored(""))
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string]any
	if err := json.Unmarshal(text, &lists); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"refreshed_sources", "in_progress_sources", "failed_sources", "sources"} {
		if list, ok := lists[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s is %v, want []", key, lists[key])
		}
	}
}

func TestASourceIsSplitAtTheFirstSlash(t *testing.T) {
	got := result.From("u", result.Answer{Status: 200, Refreshed: []string{"withings/vitals/blood_pressure"}, Failed: []string{"oura"}})
	want := []result.Source{{Provider: "oura", State: "failed"}, {Provider: "withings", Resource: "vitals/blood_pressure", State: "refreshed"}}
	if !slices.Equal(got.Sources, want) {
		t.Errorf("%v, want %v", got.Sources, want)
	}
}

func TestASourceInSeveralListsHasOneRowWithTheLeastFavourableState(t *testing.T) {
	a := []string{"oura/sleep"}
	got := result.From("u", result.Answer{Status: 200, Refreshed: a, InProgress: a, Failed: a})
	if !slices.Equal(got.Sources, []result.Source{{Provider: "oura", Resource: "sleep", State: "failed"}}) {
		t.Errorf("%v", got.Sources)
	}
	got = result.From("u", result.Answer{Status: 200, Refreshed: a, InProgress: a})
	if got.Sources[0].State != "in_progress" {
		t.Errorf("%v", got.Sources)
	}
}

func TestAFailureTellsItsTextAndKeepsItsMessageForTheLog(t *testing.T) {
	f := &result.Failure{
		Code: result.NoConnectedSources, Message: "ours", Shown: "theirs", UpstreamStatus: 400,
		FailedSources: []string{"oura/sleep"}, RetryAfter: 1500 * time.Millisecond,
	}
	got := result.FromFailure("u", f)
	if got.Success || got.Status != result.Failed || got.Error != "theirs" || got.ErrorCode != "no_connected_sources" ||
		got.Retryable == nil || *got.Retryable || got.RetryAfterSeconds != 2 || got.Failure() != f ||
		got.UpstreamStatus != 400 || len(got.Sources) != 1 {
		t.Errorf("%+v", got)
	}
	if f.Error() != "no_connected_sources: ours" {
		t.Errorf("logged as %q", f.Error())
	}
}

func TestAStatusOverridesTheCodesOwn(t *testing.T) {
	f := result.Fail(result.InvalidRequest, "x")
	if f.Status() != 400 {
		t.Errorf("%d", f.Status())
	}
	f.HTTPStatus = 413
	if f.Status() != 413 {
		t.Errorf("%d", f.Status())
	}
}

func TestAnyOtherErrorIsInternalAndTellsNothing(t *testing.T) {
	secret := errors.New("a cause that nobody may see")
	f := result.AsFailure(secret)
	if f.Code != result.Internal || f.Text() != "internal error" || !errors.Is(f, secret) {
		t.Errorf("%+v", f)
	}
	own := result.Fail(result.RateLimited, "x")
	if result.AsFailure(fmt.Errorf("wrapped: %w", own)) != own {
		t.Error("a wrapped failure was not found")
	}
}
