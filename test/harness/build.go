package harness

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

// Arch is this machine's processor, as template.yaml's Architecture parameter names it.
var Arch = map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]

// Each package builds what its tests need. With Go's build cache filled, that is one link: about a second.
var (
	buildBootstrap = sync.OnceValues(func() (string, error) {
		err := build("make", "--no-print-directory", "-C", Path(), "build-RefreshFunction", "ARCH="+Arch, "ARTIFACTS_DIR="+scratch)
		return filepath.Join(scratch, "bootstrap"), err
	})
	buildLocal = sync.OnceValues(func() (string, error) {
		binary := filepath.Join(scratch, "local")
		return binary, build("go", "build", "-o", binary, Path("cmd/local"))
	})
	buildWorker = sync.OnceValues(func() (string, error) {
		binary := filepath.Join(scratch, "worker")
		return binary, build("go", "build", "-o", binary, Path("test/harness/worker"))
	})
)

// Bootstrap returns the function, built for this machine's processor with the target that `sam build` calls.
func Bootstrap(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the built function runs only on Linux")
	}
	Need(t, "make")
	return Must(buildBootstrap())(t)
}

// Local returns cmd/local, built.
func Local(t *testing.T) string {
	t.Helper()
	return Must(buildLocal())(t)
}

func build(name string, args ...string) error {
	command := exec.Command(name, args...)
	for _, entry := range os.Environ() { // a make within a make would wait for the outer one's job slots
		if !strings.HasPrefix(entry, "MAKE") && !strings.HasPrefix(entry, "MFLAGS=") {
			command.Env = append(command.Env, entry)
		}
	}
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// Must returns a value, or ends the test if the call that returned it failed: Must(os.Open(name))(t).
func Must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
