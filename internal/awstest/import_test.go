package awstest_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTheFunctionHasNoTestPackage holds the rule that a package whose name ends in "test" never ships:
// neither this project's stand-ins nor a library's.
func TestTheFunctionHasNoTestPackage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc",
		"-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "../../cmd/lambda").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.ContainsFunc(packages, func(path string) bool { return strings.HasSuffix(path, "/internal/handler") }) {
		t.Fatalf("go list does not know the function's packages: %s", out)
	}
	for _, path := range packages {
		for element := range strings.SplitSeq(path, "/") {
			if strings.HasSuffix(element, "test") {
				t.Errorf("cmd/lambda imports %s", path)
			}
		}
	}
}
