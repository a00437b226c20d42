// Package test runs the whole process: the bootstrap as `sam build` builds it, under AWS's Runtime
// Interface Emulator, with its key from Secrets Manager (moto) and with Junction played by Prism, which
// refuses every request that junction/openapi.yaml does not describe; and cmd/local under Junction's
// official SDKs.
//
// `make test` installs the tools that this needs and makes a missing one a failure. With Go alone the
// tests that need one are skipped.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// root is the repository.
const root = ".."

var (
	scratch string   // removed at the end
	shared  services // stopped at the end
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "junction-refresh-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	defer shared.stop()
	return m.Run()
}

// services are processes that several tests share.
type services struct {
	mu         sync.Mutex
	running    []*process
	stopEngine func() // DynamoDB's; nil where it was not started
}

func (s *services) add(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(s.running, p)
}

func (s *services) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.running {
		p.stop()
	}
	if s.stopEngine != nil {
		s.stopEngine()
	}
}

// buildBootstrap builds the function for this machine's processor with the target that `sam build` calls.
var buildBootstrap = sync.OnceValues(func() (string, error) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if err := build("make", "--no-print-directory", "-C", root, "build-RefreshFunction", "ARCH="+arch, "ARTIFACTS_DIR="+scratch); err != nil {
		return "", err
	}
	return filepath.Join(scratch, "bootstrap"), nil
})

// buildLocal builds cmd/local.
var buildLocal = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "local")
	return binary, build("go", "build", "-o", binary, "../cmd/local")
})

// bootstrap returns the built function.
func bootstrap(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the built function runs on Linux alone")
	}
	need(t, "make")
	return must(t)(buildBootstrap())
}

func build(name string, args ...string) error {
	command := exec.Command(name, args...)
	for _, entry := range os.Environ() { // a make in a make would wait for the outer one's job slots
		if !strings.HasPrefix(entry, "MAKE") && !strings.HasPrefix(entry, "MFLAGS=") {
			command.Env = append(command.Env, entry)
		}
	}
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// must ends the test where a step failed.
func must(t *testing.T) func(string, error) string {
	t.Helper()
	return func(value string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
