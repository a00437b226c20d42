package refresh_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestTheTimeoutIsClampedToJunctionsLimitsAndTheTimeLeft(t *testing.T) {
	for name, c := range map[string]struct {
		lambda, caller  time.Duration
		requested, want float64
	}{
		"as requested":                         {90 * time.Second, 0, 30, 30},
		"a fraction":                           {90 * time.Second, 0, 7.25, 7.25},
		"5 s at least":                         {90 * time.Second, 0, 0.1, 5},
		"5 s for a negative one":               {90 * time.Second, 0, -1, 5},
		"60 s at most":                         {90 * time.Second, 0, 90, 60},
		"60 s for the largest number":          {90 * time.Second, 0, math.MaxFloat64, 60},
		"28 s behind an HTTP API":              {90 * time.Second, 30 * time.Second, 60, 28},
		"27 s behind a REST API":               {90 * time.Second, 29 * time.Second, 60, 27},
		"12 s for a webhook":                   {90 * time.Second, 14 * time.Second, 60, 12},
		"60 s behind a function URL":           {90 * time.Second, 0, 60, 60},
		"the rest of Lambda's time":            {20 * time.Second, 30 * time.Second, 60, 18},
		"5 s if exactly that is left":          {7 * time.Second, 0, 60, 5},
		"60 s if the deadline is past":         {-time.Second, 0, 60, 60},
		"28 s if it is past, with an HTTP API": {-time.Second, 30 * time.Second, 60, 28},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream(succeed)
				got := refresh.New(u, goodKey(), options).Refresh(t.Context(), request(c.lambda, c.caller, c.requested))
				if diff := cmp.Diff([]float64{c.want}, u.timeouts); diff != "" {
					t.Errorf("Junction is sent other timeouts (-want +got):\n%s", diff)
				}
				if got.TimeoutSeconds != c.want {
					t.Errorf("timeout_seconds is %v, want %v", got.TimeoutSeconds, c.want)
				}
				if got.RequestedTimeoutSeconds != c.requested {
					t.Errorf("requested_timeout_seconds is %v, want %v", got.RequestedTimeoutSeconds, c.requested)
				}
				wantSuccess(t, got, 1)
				if diff := cmp.Diff([]any{"r", user, result.Completed}, []any{got.RequestID, got.UserID, got.Status}); diff != "" {
					t.Errorf("other request ID, user or status (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWithLessThan5SecondsLeftNoCallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		got := refresh.New(u, goodKey(), options).Refresh(t.Context(), request(6*time.Second, 0, 30))
		wantFailure(t, got, result.InsufficientTime, 0)
		u.wantCalls(t, 0)
		if got.TimeoutSeconds != 0 {
			t.Errorf("timeout_seconds is %v, want 0", got.TimeoutSeconds)
		}
	})
}

func TestACallThatHangsIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		lambda, caller time.Duration
		headroom       time.Duration
		timeout        float64
		want           time.Duration
	}{
		"1.5 s after the timeout":                     {90 * time.Second, 0, 2 * time.Second, 10, 11500 * time.Millisecond},
		"1.5 s after the timeout, behind an HTTP API": {90 * time.Second, 30 * time.Second, 2 * time.Second, 60, 29500 * time.Millisecond},
		"0.5 s before Lambda's deadline":              {11 * time.Second, 0, 0, 60, 10500 * time.Millisecond},
		"0.5 s before a webhook's sender times out":   {90 * time.Second, 14 * time.Second, 2 * time.Second, 60, 13500 * time.Millisecond},
		"0.5 s before an assumed deadline":            {-1, 0, 2 * time.Second, 60, 61500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := refresh.New(newUpstream(hang), goodKey(), refresh.Options{Headroom: c.headroom})
				got := r.Refresh(t.Context(), request(c.lambda, c.caller, c.timeout))
				if took := time.Since(began); took != c.want {
					t.Errorf("it is cut off after %v, want %v", took, c.want)
				}
				if got.DurationMS != c.want.Milliseconds() {
					t.Errorf("duration_ms is %d, want %d", got.DurationMS, c.want.Milliseconds())
				}
				wantFailure(t, got, result.UpstreamTimeout, 1)
			})
		})
	}
}
