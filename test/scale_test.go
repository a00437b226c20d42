package test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// scaleTables returns the tables between their comments, by name.
func scaleTables(text string) map[string]string {
	tables := map[string]string{}
	for _, found := range regexp.MustCompile(`(?s)<!-- scale: ([a-z ]+) -->\n(.*?)<!-- end -->\n`).FindAllStringSubmatch(text, -1) {
		tables[found[1]] = found[2]
	}
	return tables
}

func TestTheTablesOfScaleAreWhatTheCalculatorPrints(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "run", "../bench/scale").Output()
	if err != nil {
		t.Fatal(err)
	}
	printed, page := scaleTables(string(out)), scaleTables(must(t)(readText("../docs/scale.md")))
	if len(printed) == 0 {
		t.Fatalf("the calculator prints no table: %s", out)
	}
	for name, want := range printed {
		if page[name] != want {
			t.Errorf("docs/scale.md has as %q\n%s\nand `go run ./bench/scale` prints\n%s", name, page[name], want)
		}
	}
	for name := range page {
		if printed[name] == "" {
			t.Errorf("docs/scale.md has %q, which the calculator does not print", name)
		}
	}
}

func TestALogLineIsAsLongAsScaleSays(t *testing.T) {
	t.Parallel()
	says := regexp.MustCompile(`bytesPerRefreshLogged = (\d+)`).FindStringSubmatch(must(t)(readText("../bench/scale/prices.go")))
	if says == nil {
		t.Fatal("bench/scale does not say how long a line is")
	}
	want := decode[int](t, []byte(says[1]))
	function, _, _ := whole(t)
	event := must(t)(readText("../events/sqs.json"))
	function.invoke(t, strings.ReplaceAll(event, `\"timeout\":20`, `\"timeout\":60`))
	lines := 0
	for line := range bytes.Lines([]byte(function.output())) {
		if bytes.Contains(line, []byte(junctiontest.DefaultUserID)) && bytes.HasPrefix(line, []byte("{")) {
			lines++
			if len(line) > want || len(line) < want*2/3 {
				t.Errorf("a line has %d bytes, bench/scale says %d: %s", len(line), want, line)
			}
		}
	}
	if lines == 0 {
		t.Errorf("no line of the refresh: %s", function.output())
	}
}
