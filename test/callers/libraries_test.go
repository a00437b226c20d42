package callers

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// refreshBody is a webhook that refreshes a user. A signature over anything but the bytes as sent would not match.
const refreshBody = `{ "data":{"user_id":"` + junctiontest.CompletedUserID + `"}, "note":"é ✓ \u00e9 \/", "n":1.0 }`

// library is what a published webhook library does with refreshBody and with our own signature.
type library struct {
	Headers             map[string]string `json:"headers"`
	Verifies            bool              `json:"verifies"`
	VerifiesAnotherBody bool              `json:"verifies_another_body"`
}

// signedByUs returns the headers that `cmd/local sign` prints for refreshBody.
func signedByUs(t *testing.T, family string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(refreshBody), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), harness.Local(t), "sign", file, "--family", family)
	command.Env = []string{"JUNCTION_WEBHOOK_SECRET=" + harness.WebhookSecret}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	harness.CheckNoSecrets(t, string(out))
	headers := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		headers[name] = value
	}
	return headers
}

// runLibraries runs a script that has the libraries of a language sign refreshBody and verify our headers.
func runLibraries(t *testing.T, interpreter, script string, ours map[string]map[string]string) map[string]library {
	t.Helper()
	command := exec.CommandContext(t.Context(), interpreter, harness.Path(script))
	command.Stdin = bytes.NewReader(harness.Encode(t, map[string]any{"secret": harness.WebhookSecret, "body": refreshBody, "ours": ours}))
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return harness.Decode[map[string]library](t, out)
}

func nodeLibraries(t *testing.T) string {
	t.Helper()
	return harness.Node(t, "svix", "standardwebhooks")
}

func pythonLibraries(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"svix", "standardwebhooks"} {
		harness.Tool(t, name+" for Python", ".tools/venv/lib/python*/site-packages/"+name+"/webhooks.py")
	}
	return harness.Python(t)
}

func headerOf(values map[string]string) http.Header {
	h := http.Header{}
	for name, value := range values {
		h.Set(name, value)
	}
	return h
}

func TestWebhookLibrariesAndTheFunctionAcceptEachOther(t *testing.T) {
	t.Parallel()
	for language, test := range map[string]struct {
		interpreter func(*testing.T) string
		script      string
	}{
		"Node": {nodeLibraries, "test/node/libraries.mjs"}, "Python": {pythonLibraries, "test/python/libraries.py"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			ours := map[string]map[string]string{"svix": signedByUs(t, "svix"), "webhook": signedByUs(t, "webhook")}
			libraries := runLibraries(t, test.interpreter(t), test.script, ours)
			if len(libraries) != 2 {
				t.Errorf("%d libraries, want 2", len(libraries))
			}
			for name, l := range libraries {
				t.Run(name+" verifies our signature", func(t *testing.T) {
					if !l.Verifies || l.VerifiesAnotherBody {
						t.Errorf("it verifies our body %t, and another body %t", l.Verifies, l.VerifiesAnotherBody)
					}
				})
			}
			f := harness.New(t, harness.WithCallers())
			t.Run("serve", func(t *testing.T) { // which has a queue
				checkSignaturesAreAccepted(t, harness.ServeCallers(t).Post, libraries, ours, http.StatusAccepted, "queued")
			})
			t.Run("HTTP API", func(t *testing.T) {
				checkSignaturesAreAccepted(t, f.PostHTTPAPI, libraries, ours, http.StatusOK, "completed")
			})
			t.Run("REST API", func(t *testing.T) {
				checkSignaturesAreAccepted(t, f.PostRESTAPI, libraries, ours, http.StatusOK, "completed")
			})
		})
	}
}

// checkSignaturesAreAccepted posts refreshBody with the libraries' signatures and with ours.
func checkSignaturesAreAccepted(t *testing.T, post harness.Post, libraries map[string]library, ours map[string]map[string]string, status int, outcome string) {
	t.Helper()
	for name, l := range libraries {
		t.Run(name, func(t *testing.T) {
			got := post(t, "/webhooks", headerOf(l.Headers), refreshBody).Result(t, status)
			if got.Status != outcome || got.UserID != junctiontest.CompletedUserID {
				t.Errorf("status is %q of user %q, want %q", got.Status, got.UserID, outcome)
			}
			if got := post(t, "/webhooks", headerOf(l.Headers), refreshBody+" "); got.Status != http.StatusUnauthorized {
				t.Errorf("with another body the status is %d, want 401: %s", got.Status, got.Body)
			}
		})
	}
	for family, headers := range ours {
		t.Run("our own, "+family, func(t *testing.T) {
			if got := post(t, "/webhooks", headerOf(headers), refreshBody); got.Status != status {
				t.Errorf("status is %d, want %d: %s", got.Status, status, got.Body)
			}
		})
	}
}

func TestJunctionSDKsSendATokenAsTheirKey(t *testing.T) {
	t.Parallel()
	for language, test := range map[string]struct {
		interpreter func(*testing.T) string
		script      string
	}{
		"Node":   {func(t *testing.T) string { t.Helper(); return harness.Node(t, "@junction-api/sdk") }, "test/node/sdk_token.mjs"},
		"Python": {harness.Python, "test/python/sdk_token.py"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			interpreter, server := test.interpreter(t), harness.ServeCallers(t)
			out, err := exec.CommandContext(t.Context(), interpreter, harness.Path(test.script), server.URL, harness.Token).Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			type answer struct {
				Status  int
				Success bool
			}
			want := []answer{{200, true}, {400, false}, {422, false}, {401, false}}
			if diff := cmp.Diff(want, harness.Decode[[]answer](t, out)); diff != "" {
				t.Errorf("the answers differ (-want +got):\n%s", diff)
			}
		})
	}
}
