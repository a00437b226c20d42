package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestEveryErrorCodeHasASectionOfTheRunbook(t *testing.T) {
	t.Parallel()
	page, table := harness.ReadFile(t, "docs/runbook.md"), harness.ReadFile(t, "docs/errors.md")
	codes := regexp.MustCompile(`Code = "(\w+)"`).FindAllStringSubmatch(harness.ReadFile(t, "internal/result/code.go"), -1)
	if len(codes) < 20 {
		t.Fatalf("there are only %d codes", len(codes))
	}
	_, sections, _ := strings.Cut(page, "\n## Error codes\n")
	sections, _, _ = strings.Cut(sections, "\n## ")
	for _, code := range codes {
		if !strings.Contains(table, "`"+code[1]+"`") {
			t.Errorf("docs/errors.md does not have %s", code[1])
		}
		_, section, found := strings.Cut(sections, "\n### "+code[1]+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		for _, part := range []string{"**Users see**", "**It means**", "**Do**", "**Query**"} {
			if !found || !strings.Contains(section, part) {
				t.Errorf("docs/runbook.md does not have %s of %s", part, code[1])
			}
		}
	}
	if got := strings.Count(sections, "\n### "); got != len(codes) {
		t.Errorf("docs/runbook.md has %d codes, want %d", got, len(codes))
	}
}
