package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// checkout copies the files that git tracks, or would track, to a folder with a space in its path.
func checkout(t *testing.T) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = harness.Path()
	files, err := list.Output()
	if err != nil {
		t.Skip("git is needed to copy the repository:", err)
	}
	folder := filepath.Join(t.TempDir(), "a folder", "with spaces")
	for file := range strings.Lines(string(files)) {
		file = strings.TrimSpace(file)
		text, err := os.ReadFile(harness.Path(file))
		if err != nil {
			continue // deleted, and not committed yet
		}
		target := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestMakeWorksInAPathWithSpaces(t *testing.T) {
	t.Parallel()
	harness.Need(t, "make")
	folder := checkout(t)
	run := func(t *testing.T, arguments ...string) string {
		t.Helper()
		command := exec.Command("make", arguments...)
		command.Dir = folder
		text, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("make %s: %v\n%s", strings.Join(arguments, " "), err, text)
		}
		return string(text)
	}
	for _, target := range []string{
		"help", "lint", "test", "soak", "bench", "benchstat", "release", "tools", "checkov", "dashboard", "lock", "sam-local", "deploy", "logs", "canary",
	} {
		t.Run(target, func(t *testing.T) {
			if text := run(t, "--dry-run", target); strings.Contains(text, "warning:") {
				t.Errorf("make warns:\n%s", text)
			}
		})
	}
	t.Run("build", func(t *testing.T) {
		run(t, "build", "ARCH=x86_64", "VERSION=test")
		if _, err := os.Stat(filepath.Join(folder, "bin", "bootstrap")); err != nil {
			t.Error(err)
		}
	})
}
