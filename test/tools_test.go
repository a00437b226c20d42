package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// missing skips a test that lacks a tool; under `make test`, which installs them all, it fails it.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing; `make test` installs it", what)
}

// need returns where a program is that a developer has.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	return path
}

// tool returns the absolute path of the one file that a pattern below the repository matches.
func tool(t *testing.T, what, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		missing(t, what+" ("+pattern+")")
	}
	return must(t)(filepath.Abs(found[0]))
}

func python(t *testing.T) string {
	t.Helper()
	return tool(t, "the tests' Python", ".tools/venv/bin/python")
}

func motoServer(t *testing.T) string {
	t.Helper()
	return tool(t, "moto", ".tools/venv/bin/moto_server")
}

func prismCLI(t *testing.T) string {
	t.Helper()
	return tool(t, "Prism", "test/node/node_modules/@stoplight/prism-cli/dist/index.js")
}

// emulator returns AWS's Runtime Interface Emulator, which comes with the SAM CLI.
func emulator(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	return tool(t, "the Runtime Interface Emulator", ".tools/venv/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-"+arch)
}
