package deploy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

const (
	stateMachine = "examples/step-functions/refresh.asl.json"
	listBucket   = "lists-of-users"
	functionARN  = "arn:aws:lambda:us-east-1:123456789012:function:junction-refresh"
)

// definition returns the example's state machine as SAM would deploy it, with pauses of a second, and changed as a test
// needs.
func definition(t *testing.T, change func(refreshUsers map[string]any)) string {
	t.Helper()
	text := harness.ReadFile(t, stateMachine)
	text = strings.NewReplacer("${RefreshFunctionArn}", functionARN, "${Partition}", "aws").Replace(text)
	text = regexp.MustCompile(`"IntervalSeconds": \d+`).ReplaceAllString(text, `"IntervalSeconds": 1`)
	text = strings.ReplaceAll(text, `"BackoffRate": 2`, `"BackoffRate": 1`)
	document := harness.Decode[map[string]any](t, []byte(text))
	if change != nil {
		change(document["States"].(map[string]any)["Refresh users"].(map[string]any))
	}
	return encode(t, document)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	return string(harness.Encode(t, value))
}

func TestStateMachineRefreshesEachUserIndependently(t *testing.T) {
	t.Parallel()
	shaky, down := junctiontest.GeneratedUserID(0), junctiontest.GeneratedUserID(1)
	f := harness.New(t, harness.WithSimulator(junctiontest.WithGeneratedUsers(2), junctiontest.WithSpeed(1e6)),
		harness.WithEnv(map[string]string{"MAX_ATTEMPTS": "1"}))
	in := newInterpreter(t, f)
	list := "name,user_id\nAda," + junctiontest.CompletedUserID + "\nBob," + junctiontest.NoSourcesUserID + "\n\"C, D\"," + shaky + "\nEve," + down + "\nFay,not-an-id\n"
	in.send(t, http.MethodPut, "/"+listBucket+"/today/users.csv", "", list)
	run := func(t *testing.T, name, definition string) execution {
		t.Helper()
		f.Simulator.ClearFaults()
		f.Simulator.InjectFor(shaky, 2, junctiontest.Status(http.StatusServiceUnavailable))
		f.Simulator.InjectFor(down, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
		state := in.run(t, name, definition, `{"bucket":"`+listBucket+`","key":"today/users.csv","timeout":20,"max_concurrency":2}`)
		if state.Status != "SUCCEEDED" {
			t.Fatalf("it ended with %+v", state)
		}
		return state
	}

	t.Run("as it is, it answers with the place of a manifest in S3", func(t *testing.T) {
		state := run(t, "as-it-is", definition(t, nil))
		written := harness.Decode[struct{ ResultWriterDetails struct{ Bucket, Key string } }](t, []byte(state.Output)).ResultWriterDetails
		if !strings.HasPrefix(written.Key, "results/") {
			t.Errorf("the results are at %+v", written)
		}
		in.send(t, http.MethodGet, "/"+written.Bucket+"/"+written.Key, "", "")
		want := map[string]int{junctiontest.CompletedUserID: 1, junctiontest.NoSourcesUserID: 1, shaky: 3, down: 5, "not-an-id": 1}
		if diff := cmp.Diff(want, attempts(t, in.invokedWith())); diff != "" {
			t.Errorf("the attempts per user differ (-want +got):\n%s", diff)
		}
	})
	// The interpreter writes only an outline of the results.
	t.Run("without the result writer, it answers with the results", func(t *testing.T) {
		state := run(t, "without-writer", definition(t, func(refreshUsers map[string]any) { delete(refreshUsers, "ResultWriter") }))
		want := map[string]string{junctiontest.CompletedUserID: "completed", junctiontest.NoSourcesUserID: "failed no_connected_sources",
			shaky: "completed", down: "caught UpstreamUnavailable"}
		got := outcomes(t, state.Output)
		for user, outcome := range want {
			if got[user] != outcome {
				t.Errorf("%s is %q, want %q", user, got[user], outcome)
			}
		}
	})
}

// attempts counts how often the function was invoked for each user, and checks the timeout that it was given.
func attempts(t *testing.T, payloads []string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, payload := range payloads {
		document := harness.Decode[struct {
			UserID  string  `json:"user_id"`
			Timeout float64 `json:"timeout"`
		}](t, []byte(payload))
		if document.Timeout != 20 {
			t.Errorf("the function was invoked with %s", payload)
		}
		counts[document.UserID]++
	}
	return counts
}

// outcomes returns what became of each user, by the state machine's output.
func outcomes(t *testing.T, output string) map[string]string {
	t.Helper()
	byUser := map[string]string{}
	for _, child := range harness.Decode[[]json.RawMessage](t, []byte(output)) {
		caught := harness.Decode[struct {
			UserID string `json:"user_id"`
			Type   string `json:"error_type"`
		}](t, child)
		if caught.Type != "" {
			byUser[caught.UserID] = "caught " + caught.Type
			continue
		}
		result := harness.ReadResult(t, child)
		byUser[result.UserID] = strings.TrimSuffix(result.Status+" "+result.ErrorCode, " ")
	}
	return byUser
}

func TestStateMachineHandlesEveryDocumentedErrorType(t *testing.T) {
	t.Parallel()
	retried, caught := map[string]bool{}, map[string]bool{}
	definition(t, func(refreshUsers map[string]any) {
		states := refreshUsers["ItemProcessor"].(map[string]any)["States"].(map[string]any)
		refresh := states["Refresh"].(map[string]any)
		for field, names := range map[string]map[string]bool{"Retry": retried, "Catch": caught} {
			rules, _ := refresh[field].([]any)
			for _, rule := range rules {
				for _, name := range rule.(map[string]any)["ErrorEquals"].([]any) {
					names[name.(string)] = true
				}
			}
		}
	})
	types := regexp.MustCompile("(?m)^\\|.*\\| yes \\|.*\\| `([A-Za-z, `]+)` \\|[^|]*\\|$").FindAllStringSubmatch(harness.ReadFile(t, "docs/errors.md"), -1)
	if len(types) < 7 {
		t.Fatalf("docs/errors.md has only the error types %q", types)
	}
	for _, row := range types {
		for _, name := range strings.Split(row[1], "`, `") {
			t.Run(name, func(t *testing.T) {
				if !retried[name] || !caught[name] {
					t.Errorf("retried %t, caught %t", retried[name], caught[name])
				}
			})
		}
	}
}

func TestInterpreterRejectsAnInvalidStateMachine(t *testing.T) {
	t.Parallel()
	in := newInterpreter(t, nil)
	broken := definition(t, func(refreshUsers map[string]any) { refreshUsers["ItemReaders"] = refreshUsers["ItemReader"] })
	status, answer := in.try(t, http.MethodPost, "/", "CreateStateMachine",
		encode(t, map[string]string{"name": "broken", "definition": broken, "roleArn": "arn:aws:iam::123456789012:role/any"}))
	if status != http.StatusBadRequest || !bytes.Contains(answer, []byte("ItemReaders")) {
		t.Errorf("status is %d, want 400 and the field's name: %s", status, answer)
	}
}

func TestStateMachinePassesCfnLint(t *testing.T) {
	t.Parallel()
	lint := harness.Tool(t, "cfn-lint", ".tools/venv/bin/cfn-lint")
	template := func(definition string) string {
		path := filepath.Join(t.TempDir(), "template.json")
		text := encode(t, map[string]any{"Resources": map[string]any{"RefreshUsers": map[string]any{
			"Type": "AWS::StepFunctions::StateMachine",
			"Properties": map[string]any{
				"RoleArn": "arn:aws:iam::123456789012:role/any", "Definition": json.RawMessage(definition),
			},
		}}})
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("the example passes", func(t *testing.T) {
		path := template(definition(t, nil))
		if out, err := exec.CommandContext(t.Context(), lint, path, harness.Path("examples/step-functions/template.yaml")).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("a misspelt field does not", func(t *testing.T) {
		path := template(definition(t, func(refreshUsers map[string]any) { refreshUsers["MaxConcurency"] = 1 }))
		if out, err := exec.CommandContext(t.Context(), lint, path).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("MaxConcurency")) {
			t.Errorf("it passes: %v %s", err, out)
		}
	})
}
