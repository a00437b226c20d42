package docs

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// Each example of docs/sdk.md prints the sources that were refreshed.
func TestSDKExamplesRunAsTheyStand(t *testing.T) {
	t.Parallel()
	runners := map[string]func(*testing.T) *exec.Cmd{
		"python": func(t *testing.T) *exec.Cmd {
			t.Helper()
			harness.Tool(t, "vital for Python", ".tools/venv/lib/python*/site-packages/vital/client.py")
			return exec.CommandContext(t.Context(), harness.Python(t), "-")
		},
		"js": func(t *testing.T) *exec.Cmd {
			t.Helper()
			command := exec.CommandContext(t.Context(), harness.Node(t, "@junction-api/sdk", "@tryvital/vital-node"), "--input-type=module", "-")
			command.Dir = harness.Path("test/node")
			return command
		},
	}
	examples := regexp.MustCompile("(?s)```(python|js)\n(.*?)\n```\n").FindAllStringSubmatch(harness.ReadFile(t, "docs/sdk.md"), -1)
	if len(examples) != 6 {
		t.Errorf("docs/sdk.md has %d examples that can run, want 6", len(examples))
	}
	f := harness.New(t, harness.WithCallers(), harness.WithSimulator())
	url := f.Serve(t)
	for i, example := range examples {
		language, text := example[1], example[2]
		t.Run(strconv.Itoa(i+1)+" "+language, func(t *testing.T) {
			before := f.Simulator.Calls(junctiontest.DefaultUserID)
			command := runners[language](t)
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "REFRESH_URL=" + url, "REFRESH_TOKEN=" + harness.Token}
			command.Stdin = strings.NewReader(text)
			out, err := command.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "withings/body") {
				t.Errorf("it prints no sources: %v\n%s", err, out)
			}
			if calls := f.Simulator.Calls(junctiontest.DefaultUserID) - before; calls != 1 {
				t.Errorf("it made %d calls of Junction, want 1", calls)
			}
		})
	}
}
