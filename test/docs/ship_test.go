package docs

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestHarnessDoesNotShip(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/lambda")
	command.Dir = harness.Path()
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("cmd/lambda has only the packages %q", packages)
	}
	for _, name := range packages {
		if name == "testing" || strings.HasPrefix(name, "github.com/junction-refresh/junction-refresh/test/") {
			t.Errorf("cmd/lambda imports %s", name)
		}
	}
}

var update = flag.Bool("update", false, "write testdata/imports.txt")

// Each package that Lambda loads is time at a cold start.
func TestTheFunctionImportsNothingNew(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", "-f", "{{.ImportPath}}", "./cmd/lambda")
	command.Dir = harness.Path()
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		// Parts of the standard library, which a new version of Go can change.
		return strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "vendor/") ||
			strings.HasPrefix(name, "crypto/internal/") || strings.HasPrefix(name, "runtime/internal/")
	})
	slices.Sort(imports)
	list := filepath.Join("testdata", "imports.txt")
	if *update {
		if err := os.WriteFile(list, []byte(strings.Join(imports, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(want)), imports); diff != "" {
		t.Errorf("cmd/lambda imports something else. If it is worth its time at a cold start (make bench), run "+
			"go test ./test/docs -run NothingNew -update (-want +got):\n%s", diff)
	}
}

// maxBootstrap is the size of the built function, in bytes, that a heavy dependency would exceed.
const maxBootstrap = 12_000_000

func TestTheFunctionIsSmall(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(harness.Bootstrap(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBootstrap {
		t.Errorf("the built function has %d bytes, want at most %d", info.Size(), maxBootstrap)
	}
}
