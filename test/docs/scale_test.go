package docs

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// scaleTables returns the tables between their comments, by name.
func scaleTables(text string) map[string]string {
	tables := map[string]string{}
	for _, found := range regexp.MustCompile(`(?s)<!-- scale: ([a-z ]+) -->\n(.*?)<!-- end -->\n`).FindAllStringSubmatch(text, -1) {
		tables[found[1]] = found[2]
	}
	return tables
}

func TestScaleTablesMatchTheCalculator(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "run", "./bench/scale")
	command.Dir = harness.Path()
	out := harness.Must(command.Output())(t)
	printed, page := scaleTables(string(out)), scaleTables(harness.ReadFile(t, "docs/scale.md"))
	if len(printed) == 0 {
		t.Fatalf("the calculator prints no table: %s", out)
	}
	for name, want := range printed {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, page[name]); diff != "" {
				t.Errorf("docs/scale.md differs from `go run ./bench/scale` (-want +got):\n%s", diff)
			}
		})
	}
	for name := range page {
		if printed[name] == "" {
			t.Errorf("docs/scale.md has %q, which the calculator does not print", name)
		}
	}
}

// quantity returns a number of bench/scale.
func quantity(t *testing.T, name string) int {
	t.Helper()
	found := regexp.MustCompile(name + ` += (\d+)`).FindStringSubmatch(harness.ReadFile(t, "bench/scale/prices.go"))
	if found == nil {
		t.Fatalf("bench/scale does not have %s", name)
	}
	return harness.Decode[int](t, []byte(found[1]))
}

// TestMetricsLineLengthMatchesScale measures the lines of an instance that was invoked before.
func TestMetricsLineLengthMatchesScale(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	metrics, from := observe.NewMetrics(&lines, ""), observe.Origin{Trigger: document.SQS}
	for _, refreshes := range []int{1, 1, 10, 100} {
		lines.Reset()
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{})
		for range refreshes {
			metrics.Refreshed(ctx, from, result.Result{Status: result.Completed, Attempts: 1, UpstreamLatency: []time.Duration{10 * time.Second}})
		}
		metrics.Invoked(ctx, from, nil)
		want := quantity(t, "bytesPerMetricsLine") + (refreshes-1)*quantity(t, "bytesPerFurtherRefresh")
		if strings.Contains(lines.String(), "ColdStart") {
			continue
		}
		if got := lines.Len(); got > want*21/20 || got < want*19/20 {
			t.Errorf("the metrics of %d refreshes have %d bytes, and bench/scale says %d", refreshes, got, want)
		}
	}
}

func TestLogLineLengthMatchesScale(t *testing.T) {
	t.Parallel()
	want := quantity(t, "bytesPerRefreshLogged")
	f := harness.New(t)
	event := harness.ReadFile(t, "events/sqs.json")
	f.Invoke(t, strings.ReplaceAll(event, `\"timeout\":20`, `\"timeout\":60`))
	lines := 0
	for line := range strings.Lines(f.Output()) {
		if strings.Contains(line, junctiontest.DefaultUserID) && strings.HasPrefix(line, "{") {
			lines++
			if len(line) > want || len(line) < want*2/3 {
				t.Errorf("a line has %d bytes, and bench/scale says %d: %s", len(line), want, line)
			}
		}
	}
	if lines == 0 {
		t.Errorf("no line is about the refresh: %s", f.Output())
	}
}
