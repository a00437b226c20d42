package deploy

import (
	"bytes"
	"debug/elf"
	"os"
	"strings"
	"testing"
)

func TestSamBuildBuildsForTheArchitectureOfTheStack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  string // LAMBDA_ARCH of the environment, which is for make alone
		args []string
		want elf.Machine
	}{
		{"arm64 by default", "", nil, elf.EM_AARCH64},
		{"arm64", "x86_64", []string{"--parameter-overrides", "Architecture=arm64"}, elf.EM_AARCH64},
		{"x86_64", "", []string{"--parameter-overrides", "Architecture=x86_64"}, elf.EM_X86_64},
		{"x86_64 in a copy of the sources", "arm64", []string{"--parameter-overrides", "Architecture=x86_64", "--no-build-in-source"}, elf.EM_X86_64},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clone := newClone(t)
			clone.env = append(clone.env, "LAMBDA_ARCH="+c.env)
			clone.run(t, "", "sam", append([]string{"build"}, c.args...)...)
			binary, err := elf.Open(clone.bootstrap())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = binary.Close() }()
			if binary.Machine != c.want {
				t.Errorf("the function is built for %v, want %v", binary.Machine, c.want)
			}
		})
	}
}

func TestTheVersionIsTheCommitAndDirtyOnlyIfTheFunctionChanged(t *testing.T) {
	t.Parallel()
	clone := newClone(t)
	commit := strings.TrimSpace(clone.run(t, "", "git", "rev-parse", "--short", "HEAD"))
	// As `sam deploy --guided` does.
	clone.edit(t, "samconfig.toml", "confirm_changeset = true", "confirm_changeset = false")
	clone.run(t, "", "sam", "build")
	binary, err := os.ReadFile(clone.bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(binary, []byte(commit)) || bytes.Contains(binary, []byte(commit+"-dirty")) {
		t.Errorf("the version is not %s", commit)
	}
	clone.edit(t, "cmd/lambda/main.go", "func main() {", "func main() { //")
	if out := clone.run(t, "", "make", "--dry-run", "build"); !strings.Contains(out, "main.version="+commit+"-dirty'") {
		t.Errorf("a changed function is built as %s", out)
	}
}
