package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestDocumentedTestsExist(t *testing.T) {
	t.Parallel()
	sources := testSources(t)
	for _, page := range []string{"docs/security.md", "docs/quota.md", "docs/queue.md", "test/README.md"} {
		found := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(harness.ReadFile(t, page), -1)
		if len(found) == 0 {
			t.Fatalf("%s names no test", page)
		}
		for _, name := range found {
			if !strings.Contains(sources, "func "+name[1]+"(") {
				t.Errorf("%s: there is no %s", page, name[1])
			}
		}
	}
}

// testSources returns the text of every test of the repository.
func testSources(t *testing.T) string {
	t.Helper()
	var tests strings.Builder
	err := filepath.WalkDir(harness.Path(), func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			tests.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests.String()
}

func TestREADMENamesEveryTest(t *testing.T) {
	t.Parallel()
	readme := harness.ReadFile(t, "test/README.md")
	files, err := filepath.Glob(harness.Path("test/*/*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t `).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(readme, "`"+name[1]+"`") {
				t.Errorf("test/README.md does not name %s", name[1])
			}
		}
	}
}
