package observe_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// calledOnce returns a result of a refresh that called Junction.
func calledOnce(status int, f *result.Failure) result.Result {
	out := result.From(user, result.Answer{Status: status})
	if f != nil {
		out = result.FromFailure(user, f)
	}
	out.StartedAt = time.UnixMilli(1_764_000_000_250)
	out.Attempts, out.UpstreamStatus, out.DurationMS = 1, status, 1500
	return out
}

// traced returns the datagram that a refresh sends to the X-Ray daemon, without the subsegment's random ID; nil if
// there is none.
func traced(t *testing.T, header string, out result.Result) map[string]any {
	t.Helper()
	var sent bytes.Buffer
	observe.NewTraces(&sent).Refreshed(t.Context(), observe.Origin{TraceHeader: header}, out)
	if sent.Len() == 0 {
		return nil
	}
	document, ok := strings.CutPrefix(sent.String(), "{\"format\": \"json\", \"version\": 1}\n")
	var subsegment map[string]any
	if !ok || json.Unmarshal([]byte(document), &subsegment) != nil {
		t.Fatalf("the daemon is sent %q", sent.String())
	}
	if id, _ := subsegment["id"].(string); len(id) != 16 {
		t.Errorf("the subsegment's ID is %q, want 16 hexadecimal digits", id)
	}
	delete(subsegment, "id")
	return subsegment
}

const sampled = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

func TestARefreshIsASubsegmentOfItsTrace(t *testing.T) {
	for name, c := range map[string]struct {
		out  result.Result
		want map[string]any
	}{
		"a success": {calledOnce(200, nil), map[string]any{"status": 200.0}},
		"throttled": {calledOnce(429, result.Fail(result.RateLimited, "x")), map[string]any{
			"status": 429.0, "error": true, "throttle": true, "error_code": "rate_limited"}},
		"refused": {calledOnce(404, result.Fail(result.UserNotFound, "x")), map[string]any{
			"status": 404.0, "error": true, "error_code": "user_not_found"}},
		"unavailable": {calledOnce(503, result.Fail(result.UpstreamUnavailable, "x")), map[string]any{
			"status": 503.0, "fault": true, "error_code": "upstream_unavailable"}},
		"no answer": {calledOnce(0, result.Fail(result.UpstreamTimeout, "x")), map[string]any{
			"fault": true, "error_code": "upstream_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			response, annotations := map[string]any{}, map[string]any{"status": "completed", "attempts": 1.0}
			want := map[string]any{
				"type": "subsegment", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "parent_id": "53995c3f42cd8ad8",
				"name": "Junction", "namespace": "remote", "start_time": 1_764_000_000.25, "end_time": 1_764_000_001.75,
				"http": map[string]any{"request": map[string]any{"method": "POST"}, "response": response}, "annotations": annotations,
			}
			for key, value := range c.want {
				switch key {
				case "status":
					response[key] = value
				case "error_code":
					annotations[key], annotations["status"] = value, "failed"
				default:
					want[key] = value
				}
			}
			if diff := cmp.Diff(want, traced(t, sampled, c.out)); diff != "" {
				t.Errorf("another subsegment is sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyACallInASampledTraceIsASubsegment(t *testing.T) {
	coalesced := calledOnce(200, nil)
	coalesced.Coalesced = true
	for name, c := range map[string]struct {
		header string
		out    result.Result
	}{
		"a trace that is not sampled":  {strings.Replace(sampled, "Sampled=1", "Sampled=0", 1), calledOnce(200, nil)},
		"no word of sampling":          {strings.TrimSuffix(sampled, ";Sampled=1"), calledOnce(200, nil)},
		"no parent":                    {"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", calledOnce(200, nil)},
		"a parent that cannot be one":  {strings.Replace(sampled, "53995c3f42cd8ad8", `"},{"`, 1), calledOnce(200, nil)},
		"no trace":                     {"", calledOnce(200, nil)},
		"a stored result":              {sampled, coalesced},
		"a refresh that made no call":  {sampled, result.FromFailure(user, result.Fail(result.RateLimited, "x"))},
		"a refresh that was queued":    {sampled, result.FromQueued(user)},
		"an event that is ignored":     {sampled, result.FromIgnored(user)},
		"a refresh of another request": {sampled, result.FromInFlight(user)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := traced(t, c.header, c.out); got != nil {
				t.Errorf("the daemon is sent %v, want nothing", got)
			}
		})
	}
}

func TestADaemonThatCannotBeReachedFailsNothing(t *testing.T) {
	observe.NewTraces(brokenWriter{}).Refreshed(t.Context(), observe.Origin{TraceHeader: sampled}, calledOnce(200, nil))
}
