package docs

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// `make bench` writes all of them at once. Somebody who edits one by hand, or commits only some, breaks this.
func TestThePerformancePageIsOfOneRun(t *testing.T) {
	t.Parallel()
	page := harness.ReadFile(t, "docs/performance.md")
	t.Run("summary", func(t *testing.T) {
		summary := regexp.MustCompile(`(?s)<!-- performance -->\n(.+?)<!-- end -->`).FindStringSubmatch(harness.ReadFile(t, "README.md"))
		if len(summary) == 0 || !strings.Contains(page, "\n"+summary[1]) {
			t.Errorf("the README has the summary %q, which is not in docs/performance.md", summary)
		}
	})
	t.Run("bars", func(t *testing.T) {
		bars := harness.Must(csv.NewReader(strings.NewReader(harness.ReadFile(t, "docs/performance/bars.csv"))).ReadAll())(t)
		if len(bars) < 2 {
			t.Fatal("bars.csv has no bars")
		}
		for _, bar := range bars[1:] {
			if row := "| " + strings.Join(bar[:3], " | ") + " |"; !strings.Contains(page, row) {
				t.Errorf("docs/performance.md does not have the row %q", row)
			}
		}
	})
	t.Run("links", func(t *testing.T) {
		links := regexp.MustCompile(`\]\(([^)#:]+)[^)]*\)`).FindAllStringSubmatch(page, -1)
		if len(links) < 10 {
			t.Errorf("docs/performance.md has only the links %q", links)
		}
		for _, link := range links {
			if _, err := os.Stat(harness.Path(filepath.Join("docs", link[1]))); err != nil {
				t.Error(err)
			}
		}
	})
}
