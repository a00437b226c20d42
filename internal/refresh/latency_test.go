package refresh_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// timedUpstream answers each call after its time, with its error. The other calls of its interface are not
// made here.
type timedUpstream struct {
	refresh.Upstream
	calls []timedCall
	made  int
}

type timedCall struct {
	takes time.Duration
	err   error
}

func (u *timedUpstream) Check(sensitive.String) error { return nil }

func (u *timedUpstream) Refresh(context.Context, sensitive.String, string, float64) (result.Answer, error) {
	call := u.calls[u.made]
	u.made++
	time.Sleep(call.takes)
	return result.Answer{Status: 200}, call.err
}

type latencyKey struct{ refresh.Keys }

func (latencyKey) Key(context.Context) (sensitive.String, error) { return sensitive.New("key"), nil }

func TestTheLatencyOfEachCallThatReachedJunctionIsKept(t *testing.T) {
	unanswered := result.Fail(result.UpstreamUnavailable, "503")
	unsent := &result.Failure{Code: result.UpstreamUnavailable, Message: "no connection", NotSent: true}
	for name, test := range map[string]struct {
		calls []timedCall
		want  []time.Duration
	}{
		"a success":              {[]timedCall{{2 * time.Second, nil}}, []time.Duration{2 * time.Second}},
		"a failure and a retry":  {[]timedCall{{time.Second, unanswered}, {3 * time.Second, nil}}, []time.Duration{time.Second, 3 * time.Second}},
		"no connection at first": {[]timedCall{{time.Second, unsent}, {3 * time.Second, nil}}, []time.Duration{3 * time.Second}},
		"failures only":          {[]timedCall{{time.Second, unanswered}, {time.Second, unsent}, {time.Second, unanswered}}, []time.Duration{time.Second, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream := &timedUpstream{calls: test.calls}
				out := refresh.New(upstream, latencyKey{}, refresh.Options{}).Refresh(t.Context(), refresh.Request{
					UserID: "1449752e-0d8a-40e0-9206-91ab099b2537", Timeout: 10,
					Budget: refresh.NewBudget(time.Now(), time.Now().Add(time.Minute), 0),
				})
				if !slices.Equal(out.UpstreamLatency, test.want) || out.Attempts != len(test.calls) {
					t.Errorf("%v in %d attempts, want %v", out.UpstreamLatency, out.Attempts, test.want)
				}
			})
		})
	}
}
