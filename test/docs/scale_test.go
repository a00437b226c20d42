package docs

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
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

func TestLogLineLengthMatchesScale(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`bytesPerRefreshLogged = (\d+)`).FindStringSubmatch(harness.ReadFile(t, "bench/scale/prices.go"))
	if found == nil {
		t.Fatal("bench/scale does not say how long a line is")
	}
	want := harness.Decode[int](t, []byte(found[1]))
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
