package contract

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// apiToken is the token that schemathesis sends.
const apiToken = "schemathesis-token-0123456789"

func TestAPIDescriptionIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	validator := harness.Tool(t, "openapi-spec-validator", ".tools/venv/bin/openapi-spec-validator")
	if out, err := exec.CommandContext(t.Context(), validator, harness.Path("docs/openapi.yaml")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAPIAnswersMatchTheDescription(t *testing.T) {
	t.Parallel()
	got := explore(t, []string{"--max-examples", "100", "--phases", "examples,coverage,fuzzing"})
	checkSeen(t, got, 200, 202, 400, 401, 404, 405, 422, 429)
}

func TestAPIAnswersMatchTheDescriptionWhenJunctionFails(t *testing.T) {
	t.Parallel()
	// Without a queue: with one, /webhooks is answered before Junction is called.
	serve := []string{"--config", "MAX_ATTEMPTS=1", "--config", "REFRESH_QUEUE_URL="}
	for _, fault := range []string{
		"401:8", "404:4", "422:8", "500:4", "503:4", "reset:4", "html:4", "empty:4", "truncated:4", "oversized:2",
		"gzip-bomb:2", "redirect:4", "wrong-user:6", "wrong-types:4", "null-lists:4", "429:8", // the last, because it closes a user
	} {
		serve = append(serve, "--fault", fault)
	}
	got := explore(t, []string{
		"--max-examples", "50", "--phases", "examples,fuzzing", "--mode", "positive",
		"--exclude-checks", "not_a_server_error,positive_data_acceptance",
	}, serve...)
	checkSeen(t, got, 404, 422, 424, 429, 502, 503)
}

// checkSeen checks that each of these statuses was answered at least once.
func checkSeen(t *testing.T, got map[int]int, statuses ...int) {
	t.Helper()
	for _, status := range statuses {
		if got[status] == 0 {
			t.Errorf("no answer has status %d: %v", status, got)
		}
	}
}

// explore has schemathesis send what docs/openapi.yaml describes, and what it forbids, to `cmd/local serve`. It
// returns how many answers had each status.
func explore(t *testing.T, options []string, serve ...string) map[int]int {
	t.Helper()
	schemathesis := harness.Tool(t, "schemathesis", ".tools/schemathesis/bin/st")
	url := harness.Serve(t, append([]string{"--auth", "signature,token", "--token", apiToken, "--speed", "1000"}, serve...)...).URL
	// In a directory of its own, by bare file names: what schemathesis generates from a seed depends on both.
	dir := t.TempDir()
	for _, file := range []string{"docs/openapi.yaml", "docs/result.schema.json", "test/contract/schemathesis.toml"} {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(harness.ReadFile(t, file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it takes seconds on an idle machine
	defer cancel()
	command := exec.CommandContext(ctx, schemathesis, append([]string{
		"--config-file", "schemathesis.toml", "run", "openapi.yaml", "--url", url, "--header", "Authorization: Bearer " + apiToken,
		"--seed", "1", "--generation-database", "none", "--no-color", "--continue-on-failure", "--report-har-path", "answers.har",
	}, options...)...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("schemathesis: %v\n%s", err, out)
	}
	return statuses(t, filepath.Join(dir, "answers.har"))
}

// statuses counts the answers in a HAR file by status, and checks what no description can express: a 429 has a
// Retry-After, and no answer has a key or a token in it.
func statuses(t *testing.T, file string) map[int]int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	type header struct{ Name, Value string }
	recorded := harness.Decode[struct {
		Log struct {
			Entries []struct {
				Request  struct{ Method string }
				Response struct {
					Status  int
					Headers []header
					Content struct{ Text string }
				}
			}
		}
	}](t, text)
	counts, states := map[int]int{}, 0
	for _, entry := range recorded.Log.Entries {
		answer := entry.Response
		counts[answer.Status]++
		if entry.Request.Method == http.MethodGet && answer.Status == http.StatusOK {
			states++
		}
		if answer.Status == 429 && !slices.ContainsFunc(answer.Headers, func(h header) bool { return h.Name == "retry-after" }) {
			t.Errorf("a 429 has no Retry-After: %v", answer.Headers)
		}
		if shown, _ := json.Marshal(answer); strings.Contains(string(shown), junctiontest.DefaultKey) || strings.Contains(string(shown), apiToken) {
			t.Errorf("an answer has a secret in it: %s", shown)
		}
	}
	if states == 0 {
		t.Error("no state of a user was answered")
	}
	return counts
}
