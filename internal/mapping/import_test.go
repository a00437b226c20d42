package mapping_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheFunctionDoesNotImportItsOwnStandIns(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../cmd/lambda").Output()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(out); !strings.Contains(text, "/internal/handler\n") || strings.Contains(text, "/internal/mapping") {
		t.Errorf("cmd/lambda imports %s", text)
	}
}
