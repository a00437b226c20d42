package result_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestATruncatedResultKeepsEverythingButItsLists(t *testing.T) {
	whole := func() result.Result {
		return result.From("u", result.Answer{
			Status: 202, Refreshed: []string{"oura/sleep"}, InProgress: []string{"withings/body"}, Failed: []string{"fitbit/steps"},
		})
	}
	for name, c := range map[string]struct {
		truncate func(result.Result) result.Result
		change   func(*result.Result)
	}{
		"without sources": {result.Result.WithoutSources, func(r *result.Result) { r.Sources = []result.Source{} }},
		"without lists": {result.Result.WithoutLists, func(r *result.Result) {
			r.Sources = []result.Source{}
			r.RefreshedSources, r.InProgressSources, r.FailedSources = []string{}, []string{}, []string{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before, want := whole(), whole()
			got := c.truncate(before)
			c.change(&want)
			want.Truncated = true
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
				t.Errorf("truncated (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(whole(), before, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
				t.Errorf("the result itself was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATruncatedFailureKeepsItsFailure(t *testing.T) {
	f := &result.Failure{Code: result.UpstreamRejected, Message: "x", FailedSources: []string{"fitbit/steps"}}
	if got := result.FromFailure("u", f).WithoutLists(); got.Failure() != f || got.ErrorCode != f.Code {
		t.Errorf("%+v", got)
	}
}
