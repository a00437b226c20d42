package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// values are the metrics of one line: a number, or several.
type values = map[string]any

// sqs is the origin of what these tests report.
var sqs = observe.Origin{Trigger: document.SQS, RequestID: "request-1"}

// warmMetrics returns metrics of an instance that had its first invocation, and what they write from now on.
func warmMetrics() (*observe.Metrics, *bytes.Buffer) {
	var out bytes.Buffer
	m := observe.NewMetrics(&out, "")
	m.Invoked(newInvocation(), sqs, nil)
	out.Reset()
	return m, &out
}

// newInvocation returns the context of an invocation, as the runtime makes it.
func newInvocation() context.Context {
	return lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{})
}

// readLines returns the metrics of each line that was written. Each must follow the specification.
func readLines(t *testing.T, text string) []values {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []values
	for line := range strings.Lines(text) {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = schema.Validate(instance)
		}
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, targets(t, line))
	}
	return all
}

// targets returns what a line's directive refers to. All of it must be there, and nothing else.
func targets(t *testing.T, line string) values {
	t.Helper()
	var metadata struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	var root values
	if err := errors.Join(json.Unmarshal([]byte(line), &metadata), json.Unmarshal([]byte(line), &root)); err != nil {
		t.Fatal(err)
	}
	directive := metadata.AWS.CloudWatchMetrics[0]
	if diff := cmp.Diff([][]string{{"Trigger"}}, directive.Dimensions); diff != "" || directive.Namespace != "JunctionRefresh" {
		t.Errorf("namespace %s, dimensions -want +got\n%s", directive.Namespace, diff)
	}
	metrics := values{}
	for _, definition := range directive.Metrics {
		value, ok := root[definition.Name]
		if _, twice := metrics[definition.Name]; !ok || twice {
			t.Errorf("%s has no value, or is defined twice, in %s", definition.Name, line)
		}
		metrics[definition.Name] = value
		unit := "Count"
		if definition.Name == "UpstreamLatency" || definition.Name == "TimeToSettle" {
			unit = "Milliseconds"
		}
		if definition.Unit != unit {
			t.Errorf("the unit of %s is %s", definition.Name, definition.Unit)
		}
	}
	for _, name := range []string{"_aws", "timestamp", "level", "message", "Trigger", "function_version"} {
		delete(root, name)
	}
	if diff := cmp.Diff(root, metrics); diff != "" {
		t.Errorf("-in the line +defined\n%s", diff)
	}
	return metrics
}

// called is a result of a refresh that took one call of 1.5 s.
func called(status result.Status) result.Result {
	return result.Result{Success: true, Status: status, Attempts: 1, UpstreamLatency: []time.Duration{1500 * time.Millisecond}}
}

// failedWith is a result of a refresh that failed without a call.
func failedWith(code result.Code) result.Result {
	return result.FromFailure("user", result.Fail(code, "it failed"))
}

func TestEachRefreshCountsInRefreshesAndInOneOutcome(t *testing.T) {
	withoutQuota, failedWithoutQuota := called(result.Completed), called(result.Failed)
	withoutQuota.Degraded = errors.New("the table cannot be reached")
	failedWithoutQuota.Degraded, failedWithoutQuota.ErrorCode = withoutQuota.Degraded, result.UpstreamTimeout
	retried := called(result.Completed)
	retried.Attempts, retried.UpstreamLatency = 3, []time.Duration{time.Millisecond, 2*time.Millisecond + 999*time.Microsecond}
	stored := called(result.Completed)
	stored.Coalesced = true
	stillRunning := called(result.InProgress)
	stillRunning.Coalesced = true

	for name, test := range map[string]struct {
		out  result.Result
		want values
	}{
		"completed":                        {called(result.Completed), values{"Completed": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"in progress":                      {called(result.InProgress), values{"InProgress": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"partial":                          {called(result.Partial), values{"Partial": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"failed after a call":              {called(result.Failed), values{"Failed": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"three calls, one of them unsent":  {retried, values{"Completed": 1., "Attempts": []any{3.}, "UpstreamLatency": []any{1., 2.}}},
		"coalesced, with another's call":   {stored, values{"Coalesced": 1.}},
		"coalesced, still in progress":     {stillRunning, values{"Coalesced": 1.}},
		"in flight, for someone who waits": {result.FromInFlight("user"), values{"Coalesced": 1.}},
		"invalid request":                  {failedWith(result.InvalidRequest), values{"Failed": 1.}},
		"user not found":                   {failedWith(result.UserNotFound), values{"Failed": 1.}},
		"secret unavailable":               {failedWith(result.SecretUnavailable), values{"Failed": 1.}},
		"rate limited":                     {failedWith(result.RateLimited), values{"Failed": 1., "RateLimited": 1.}},
		"key refused":                      {failedWith(result.UpstreamUnauthorized), values{"Failed": 1., "Unauthorized": 1.}},
		"key for another environment":      {failedWith(result.Misconfigured), values{"Failed": 1., "Unauthorized": 1.}},
		"call without the quota":           {withoutQuota, values{"Completed": 1., "QuotaUnavailable": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"failed call without the quota":    {failedWithoutQuota, values{"Failed": 1., "QuotaUnavailable": 1., "Attempts": []any{1.}, "UpstreamLatency": []any{1500.}}},
		"sent back without the quota":      {failedWith("quota_unavailable"), values{"Failed": 1., "QuotaUnavailable": 1.}},
	} {
		t.Run(name, func(t *testing.T) {
			m, out := warmMetrics()
			ctx := newInvocation()
			m.Refreshed(ctx, sqs, test.out)
			m.Invoked(ctx, sqs, nil)
			test.want["Refreshes"] = 1.
			if diff := cmp.Diff([]values{test.want}, readLines(t, out.String())); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoRefreshCountsInNone(t *testing.T) {
	for name, tell := range map[string]func(context.Context, *observe.Metrics){
		"queued":    func(ctx context.Context, m *observe.Metrics) { m.Refreshed(ctx, sqs, result.FromQueued("user")) },
		"ignored":   func(ctx context.Context, m *observe.Metrics) { m.Refreshed(ctx, sqs, result.FromIgnored("user")) },
		"postponed": func(ctx context.Context, m *observe.Metrics) { m.Refreshed(ctx, sqs, failedWith("in_flight")) },
		"unauthenticated": func(ctx context.Context, m *observe.Metrics) {
			m.Refreshed(ctx, sqs, failedWith(result.Unauthenticated))
		},
		"no such route": func(ctx context.Context, m *observe.Metrics) { m.Refreshed(ctx, sqs, failedWith(result.NotFound)) },
		"method not allowed": func(ctx context.Context, m *observe.Metrics) {
			m.Refreshed(ctx, sqs, failedWith(result.MethodNotAllowed))
		},
		"look":         func(ctx context.Context, m *observe.Metrics) { m.Looked(ctx, sqs, result.FollowUp{}) },
		"queued users": func(ctx context.Context, m *observe.Metrics) { m.Queued(ctx, sqs, 10, 0) },
		"unpublished result": func(ctx context.Context, m *observe.Metrics) {
			m.PublishFailed(ctx, sqs, called(result.Completed), result.Fail(result.PublishFailed, "no bus"))
		},
		"nothing": func(context.Context, *observe.Metrics) {},
	} {
		t.Run(name, func(t *testing.T) {
			m, out := warmMetrics()
			ctx := newInvocation()
			tell(ctx, m)
			m.Invoked(ctx, sqs, result.Fail(result.Internal, "a Lambda error"))
			if out.Len() > 0 {
				t.Errorf("wrote %s", out)
			}
		})
	}
}

func TestTheEndOfAFollowUpIsSettledOrUnsettled(t *testing.T) {
	for name, test := range map[string]struct {
		out  result.Result
		want values
	}{
		"completed":         {result.Result{Status: result.Completed, DurationMS: 31000, Attempts: 1}, values{"Settled": 1., "TimeToSettle": []any{31000.}}},
		"partial":           {result.Result{Status: result.Partial, DurationMS: 500}, values{"Settled": 1., "TimeToSettle": []any{500.}}},
		"by a clock behind": {result.Result{Status: result.Completed, DurationMS: -20}, values{"Settled": 1., "TimeToSettle": []any{0.}}},
		"still in progress": {result.Result{Status: result.InProgress, DurationMS: 900000}, values{"Unsettled": 1.}},
	} {
		t.Run(name, func(t *testing.T) {
			m, out := warmMetrics()
			ctx := newInvocation()
			m.Settled(ctx, sqs, test.out)
			m.Invoked(ctx, sqs, nil)
			if diff := cmp.Diff([]values{test.want}, readLines(t, out.String())); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestABatchIsOneLineWithItsTrigger(t *testing.T) {
	m, out := warmMetrics()
	ctx := newInvocation()
	for range 7 {
		m.Refreshed(ctx, sqs, called(result.Completed))
	}
	m.Refreshed(ctx, sqs, failedWith(result.RateLimited))
	m.Refreshed(ctx, sqs, failedWith(result.UpstreamUnavailable))
	m.Refreshed(ctx, sqs, result.FromInFlight("user"))
	m.Invoked(ctx, sqs, nil)
	want := []values{{
		"Refreshes": 10., "Completed": 7., "Failed": 2., "RateLimited": 1., "Coalesced": 1.,
		"Attempts": []any{1., 1., 1., 1., 1., 1., 1.}, "UpstreamLatency": []any{1500., 1500., 1500., 1500., 1500., 1500., 1500.},
	}}
	if diff := cmp.Diff(want, readLines(t, out.String())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(out.String(), `"Trigger":"sqs"`) {
		t.Errorf("no trigger in %s", out)
	}
}

func TestALineHasAtMost100ValuesOfAMetric(t *testing.T) {
	for _, test := range []struct {
		refreshes int
		lines     []int // the number of values in each
	}{
		{99, []int{99}}, {100, []int{100}}, {101, []int{100, 1}}, {250, []int{100, 100, 50}},
	} {
		m, out := warmMetrics()
		ctx := newInvocation()
		for range test.refreshes {
			m.Refreshed(ctx, sqs, called(result.Completed))
		}
		m.Invoked(ctx, sqs, nil)
		lines := readLines(t, out.String())
		var sizes []int
		for i, line := range lines {
			sizes = append(sizes, len(line["UpstreamLatency"].([]any)))
			if count, ok := line["Refreshes"]; ok != (i == 0) || ok && count != float64(test.refreshes) {
				t.Errorf("%d refreshes: line %d counts %v", test.refreshes, i, count)
			}
		}
		if diff := cmp.Diff(test.lines, sizes); diff != "" {
			t.Errorf("%d refreshes: -want +got\n%s", test.refreshes, diff)
		}
	}
}

func TestOnlyTheFirstInvocationOfAnInstanceIsAColdStart(t *testing.T) {
	var out bytes.Buffer
	m := observe.NewMetrics(&out, "")
	for range 3 {
		ctx := newInvocation()
		m.Refreshed(ctx, sqs, result.FromInFlight("user"))
		m.Invoked(ctx, sqs, nil)
	}
	want := []values{
		{"Refreshes": 1., "Coalesced": 1., "ColdStart": 1.}, {"Refreshes": 1., "Coalesced": 1.}, {"Refreshes": 1., "Coalesced": 1.},
	}
	if diff := cmp.Diff(want, readLines(t, out.String())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLinesNameThePublishedVersionIfThereIsOne(t *testing.T) {
	defer func(before string) { lambdacontext.FunctionVersion = before }(lambdacontext.FunctionVersion)
	for version, want := range map[string]string{"": `"Trigger":"sqs","SecretReads"`, "7": `"Trigger":"sqs","function_version":"7","SecretReads"`} {
		lambdacontext.FunctionVersion = version
		m, out := warmMetrics()
		m.SecretRead()
		m.Invoked(newInvocation(), sqs, nil)
		readLines(t, out.String())
		if !strings.Contains(out.String(), want) {
			t.Errorf("version %q: %s", version, out)
		}
	}
}

func TestReadsOfTheSecretCountInTheNextInvocationThatEnds(t *testing.T) {
	m, out := warmMetrics()
	m.SecretRead()
	m.SecretRead()
	m.Invoked(newInvocation(), sqs, nil)
	m.Invoked(newInvocation(), sqs, nil)
	if diff := cmp.Diff([]values{{"SecretReads": 2.}}, readLines(t, out.String())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestInvocationsAtTheSameTimeAreCountedApart(t *testing.T) {
	m, out := warmMetrics()
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			ctx := newInvocation()
			var refreshing sync.WaitGroup
			for range 5 {
				refreshing.Go(func() { m.Refreshed(ctx, sqs, result.FromInFlight("user")) })
			}
			refreshing.Wait()
			m.Invoked(ctx, sqs, nil)
		})
	}
	running.Wait()
	lines := readLines(t, out.String())
	if len(lines) != 20 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if diff := cmp.Diff(values{"Refreshes": 5., "Coalesced": 5.}, line); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestAnInvocationWithoutALambdaContextIsCountedToo(t *testing.T) {
	m, out := warmMetrics()
	m.Refreshed(t.Context(), sqs, result.FromInFlight("user"))
	m.Invoked(t.Context(), sqs, nil)
	if diff := cmp.Diff([]values{{"Refreshes": 1., "Coalesced": 1.}}, readLines(t, out.String())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestALinePassesTheFilterAtEveryLogLevel applies Lambda's rule: a line is kept if its level is not below
// the one that is set. One without a level or timestamp counts as INFO.
func TestALinePassesTheFilterAtEveryLogLevel(t *testing.T) {
	order := map[string]int{"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}
	for set, want := range map[string]string{
		"": "INFO", "TRACE": "INFO", "DEBUG": "INFO", "INFO": "INFO", "WARN": "WARN", "ERROR": "ERROR", "FATAL": "FATAL", `","x":"`: "INFO",
	} {
		t.Run(set, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				observe.NewMetrics(&out, set).Invoked(newInvocation(), sqs, nil)
				readLines(t, out.String())
				var line struct {
					Timestamp time.Time
					Level     string
					Message   string
					AWS       struct{ Timestamp int64 } `json:"_aws"`
				}
				if err := json.Unmarshal(out.Bytes(), &line); err != nil {
					t.Fatal(err)
				}
				if line.Level != want || order[line.Level] < order[set] || line.Message != "metrics" {
					t.Errorf("level %s, message %s", line.Level, line.Message)
				}
				if !line.Timestamp.Equal(time.Now()) || line.AWS.Timestamp != time.Now().UnixMilli() {
					t.Errorf("timestamps %v and %d at %v", line.Timestamp, line.AWS.Timestamp, time.Now())
				}
			})
		})
	}
}

func TestMetricsThatCannotBeWrittenFailNothing(t *testing.T) {
	observe.NewMetrics(brokenWriter{}, "").Invoked(newInvocation(), sqs, nil)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the pipe is closed") }

func BenchmarkMetrics(b *testing.B) {
	for name, refreshes := range map[string]int{"one refresh": 1, "a batch of ten": 10, "a batch of a thousand": 1000} {
		b.Run(name, func(b *testing.B) {
			m := observe.NewMetrics(io.Discard, "")
			ctx, out := newInvocation(), called(result.Completed)
			b.ReportAllocs()
			for b.Loop() {
				for range refreshes {
					m.Refreshed(ctx, sqs, out)
				}
				m.Invoked(ctx, sqs, nil)
			}
		})
	}
}
