package deploy

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSamconfigListsEveryParameterWithItsDefault compares the lines of samconfig.toml, most of which are comments.
func TestSamconfigListsEveryParameterWithItsDefault(t *testing.T) {
	t.Parallel()
	source := readTemplate(t, "template.yaml").Source
	var want []string
	for _, group := range source.Metadata.Interface.ParameterGroups {
		want = append(want, "# "+group.Label.Default)
		for _, name := range group.Parameters {
			parameter := source.Parameters[name]
			value := fmt.Sprintf("%q", parameter.Default)
			switch {
			case name == "JunctionSecretArn":
				value = `""`
			case parameter.Type == "Number":
				value = fmt.Sprint(parameter.Default)
			}
			want = append(want, name+" = "+value)
		}
	}
	_, after, _ := strings.Cut(string(must(os.ReadFile(filepath.Join(root, "samconfig.toml")))), "[default.global.parameters.parameter_overrides]\n")
	section, _, _ := strings.Cut(after, "\n[")
	_, lines, _ := strings.Cut(section, "\n\n") // after the explanation
	var got []string
	for line := range strings.Lines(lines) {
		if found := regexp.MustCompile(`^# ([A-Z]\w+ = ("[^"]*"|[-\d]+))`).FindStringSubmatch(line); found != nil {
			got = append(got, found[1])
		} else if line = strings.TrimSpace(line); line != "" {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samconfig.toml differs from template.yaml: %s", diff)
	}
	for name := range source.Parameters {
		if !slices.ContainsFunc(want, func(line string) bool { return strings.HasPrefix(line, name+" = ") }) {
			t.Errorf("%s is in no group", name)
		}
	}
}

func TestSamconfigLetsEachCommandDoItsWork(t *testing.T) {
	t.Parallel()
	config := readTemplate(t, "template.yaml").Config
	for _, c := range []struct {
		environment, command, setting string
		want                          any
	}{
		{"default", "build", "build_in_source", true},
		{"default", "sync", "build_in_source", true},
		{"default", "sync", "capabilities", []any{"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}},
		{"default", "deploy", "capabilities", "CAPABILITY_IAM"},
		{"default", "deploy", "confirm_changeset", true},
		{"default", "local_start_api", "env_vars", "events/env.json"},
		{"default", "local_start_lambda", "env_vars", "events/env.json"},
		{"default", "local_invoke", "env_vars", "events/env.json"},
		{"ci", "global", "stack_name", stackName},
		{"ci", "build", "build_in_source", true},
		{"ci", "deploy", "confirm_changeset", false},
		{"ci", "deploy", "fail_on_empty_changeset", false},
	} {
		if diff := cmp.Diff(c.want, config[c.environment][c.command].Parameters[c.setting]); diff != "" {
			t.Errorf("%s %s %s: %s", c.environment, c.command, c.setting, diff)
		}
	}
}

func TestTheArchitectureInSamconfigIsForBuildAndDeploy(t *testing.T) {
	t.Parallel()
	clone := newClone(t)
	clone.edit(t, "samconfig.toml", `# Architecture = "arm64"`, `Architecture = "x86_64"`)
	clone.run(t, "", "sam", "build")
	binary, err := elf.Open(clone.bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = binary.Close() }()
	if binary.Machine != elf.EM_X86_64 {
		t.Errorf("the function is built for %v", binary.Machine)
	}
}
