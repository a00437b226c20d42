package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func answering(a result.Answer) reply {
	return func(context.Context) (result.Answer, error) { return a, nil }
}

// ouraFailed succeeds, but for the sources of two providers.
var ouraFailed = answering(result.Answer{Status: 200, Refreshed: []string{"oura/body"}, Failed: []string{"oura/sleep", "oura/vitals/heartrate", "garmin/sleep"}})

// ouraBroken says that the user has to connect one of them again.
func ouraBroken(context.Context) ([]result.Connection, error) {
	return []result.Connection{{Provider: "oura", Broken: true, Reason: "token_refresh_failed"}, {Provider: "garmin"}}, nil
}

// wantExplained checks which sources of a result have to be connected again, and why.
func wantExplained(t *testing.T, got result.Result, want map[string]string) {
	t.Helper()
	explained := map[string]string{}
	for _, s := range got.Sources {
		if s.Reconnect || s.Reason != "" {
			explained[s.Provider+"/"+s.Resource] = s.Reason
		}
	}
	if diff := cmp.Diff(want, explained); diff != "" {
		t.Errorf("the sources are explained otherwise (-want +got):\n%s", diff)
	}
}

func TestFailedSourcesAreExplained(t *testing.T) {
	broken := map[string]string{"oura/sleep": "token_refresh_failed", "oura/vitals/heartrate": "token_refresh_failed"}
	for name, c := range map[string]struct {
		answer      reply
		connections func(context.Context) ([]result.Connection, error)
		off         bool
		calls       int
		want        map[string]string
	}{
		"a provider that is broken": {ouraFailed, ouraBroken, false, 1, broken},
		"a provider that is broken for a reason that is not known": {ouraFailed, func(context.Context) ([]result.Connection, error) {
			return []result.Connection{{Provider: "garmin", Broken: true}}, nil
		}, false, 1, map[string]string{"garmin/sleep": ""}},
		"no provider is broken": {ouraFailed, func(context.Context) ([]result.Connection, error) {
			return []result.Connection{{Provider: "oura"}, {Provider: "garmin"}, {Provider: "fitbit", Broken: true}}, nil
		}, false, 1, map[string]string{}},
		"sources are still running": {
			answering(result.Answer{Status: 202, InProgress: []string{"oura/body"}, Failed: []string{"oura/sleep"}}), ouraBroken, false, 1,
			map[string]string{"oura/sleep": "token_refresh_failed"},
		},
		"Junction does not say": {ouraFailed, fails[[]result.Connection](unavailable), false, 1, map[string]string{}},
		"it is turned off":      {ouraFailed, ouraBroken, true, 0, map[string]string{}},
		"no source has failed":  {succeed, ouraBroken, false, 0, map[string]string{}},
		"the refresh itself failed": {
			fail(&result.Failure{Code: result.UpstreamRejected, Message: "x", FailedSources: []string{"oura/sleep"}}), ouraBroken, false, 0, map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, g := newUpstream(c.answer), granting(5)
				u.connections = c.connections
				got := refresh.New(u, goodKey(), refresh.Options{Gate: g, ExplainFailures: !c.off}).Refresh(t.Context(), usual())
				wantExplained(t, got, c.want)
				wantExplained(t, g.done[0], c.want) // what is stored
				if u.explains != c.calls {
					t.Errorf("Junction is asked %d times for the connections, want %d", u.explains, c.calls)
				}
				if got.Attempts != 1 {
					t.Errorf("%d attempts, want 1", got.Attempts)
				}
				g.wantCalls(t, refresh.Sent)
			})
		})
	}
}

func TestAnExplanationIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration // after the refresh
		want time.Duration // for the explanation
	}{
		"after 2 s":                         {80 * time.Second, 2 * time.Second},
		"0.5 s before the caller times out": {2 * time.Second, 1500 * time.Millisecond},
		"if a second is left for it":        {1500 * time.Millisecond, time.Second},
		"before it begins, if less is left": {1499 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(func(ctx context.Context) (result.Answer, error) {
					time.Sleep(10 * time.Second)
					return ouraFailed(ctx)
				})
				u.connections = func(ctx context.Context) ([]result.Connection, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				began := time.Now()
				got := refresh.New(u, goodKey(), refresh.Options{ExplainFailures: true}).Refresh(t.Context(), request(90*time.Second, 10*time.Second+c.left, 10))
				wantSuccess(t, got, 1)
				wantExplained(t, got, map[string]string{})
				if took := time.Since(began) - 10*time.Second; took != c.want {
					t.Errorf("it takes %v, want %v", took, c.want)
				}
				if asked := u.explains == 1; asked != (c.want > 0) {
					t.Errorf("Junction is asked: %t", asked)
				}
			})
		})
	}
}
