package docs

import (
	"os/exec"
	"strings"
	"testing"

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
