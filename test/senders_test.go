package test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// refreshBody is a webhook that refreshes a user, with what a signature over anything but the bytes
// as they were sent would trip over.
const refreshBody = `{ "data":{"user_id":"` + junctiontest.CompletedUserID + `"}, "note":"é ✓ \u00e9 \/", "n":1.0 }`

// sender is what a package makes of refreshBody and of our own signature.
type sender struct {
	Headers             map[string]string `json:"headers"`
	Verifies            bool              `json:"verifies"`
	VerifiesAnotherBody bool              `json:"verifies_another_body"`
}

// locallySigned is what `cmd/local sign` prints for refreshBody.
func locallySigned(t *testing.T, family string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(refreshBody), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), must(t)(buildLocal()), "sign", file, "--family", family)
	command.Env = []string{"JUNCTION_WEBHOOK_SECRET=" + callerSecret}
	out, err := command.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte(callerSecret)) {
		t.Fatalf("%v: %s", err, out)
	}
	headers := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		headers[name] = value
	}
	return headers
}

// senders runs a script with the packages of a language.
func senders(t *testing.T, interpreter, script string, ours map[string]map[string]string) map[string]sender {
	t.Helper()
	command := exec.CommandContext(t.Context(), interpreter, script)
	command.Stdin = bytes.NewReader(encode(t, map[string]any{"secret": callerSecret, "body": refreshBody, "ours": ours}))
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return decode[map[string]sender](t, out)
}

func nodeSenders(t *testing.T) string {
	t.Helper()
	tool(t, "svix for Node", "test/node/node_modules/svix/package.json")
	tool(t, "standardwebhooks for Node", "test/node/node_modules/standardwebhooks/package.json")
	return need(t, "node")
}

func pythonSenders(t *testing.T) string {
	t.Helper()
	tool(t, "svix for Python", ".tools/venv/lib/python*/site-packages/svix/webhooks.py")
	tool(t, "standardwebhooks for Python", ".tools/venv/lib/python*/site-packages/standardwebhooks/webhooks.py")
	return python(t)
}

func headerOf(named map[string]string) http.Header {
	h := http.Header{}
	for name, value := range named {
		h.Set(name, value)
	}
	return h
}

func TestWebhooksOfSendersThatNobodyHereWroteAreTakenAndOursByThem(t *testing.T) {
	t.Parallel()
	for language, test := range map[string]struct {
		interpreter func(*testing.T) string
		script      string
	}{
		"Node": {nodeSenders, "node/senders.mjs"}, "Python": {pythonSenders, "python/senders.py"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			ours := map[string]map[string]string{"svix": locallySigned(t, "svix"), "webhook": locallySigned(t, "webhook")}
			made := senders(t, test.interpreter(t), test.script, ours)
			if len(made) != 2 {
				t.Errorf("%d senders, want 2", len(made))
			}
			_, serve := serveDoor(t)
			function := guardedLambda(t, callerBundle, map[string]string{"JUNCTION_BASE_URL": newJunction(t).URL})
			type taken struct {
				status int
				says   string
			}
			want := map[string]taken{"serve": {202, "queued"}, "an HTTP API": {200, "completed"}, "a REST API": {200, "completed"}} // serve has a queue
			for door, open := range map[string]door{"serve": serve, "an HTTP API": httpAPIDoor(function), "a REST API": restAPIDoor(function)} {
				for name, s := range made {
					got := open(t, "/webhooks", headerOf(s.Headers), refreshBody)
					if result := readResult(t, []byte(got.body)); got.status != want[door].status || result.Status != want[door].says || result.UserID != junctiontest.CompletedUserID {
						t.Errorf("%s through %s: %d %s", name, door, got.status, got.body)
					}
					if got := open(t, "/webhooks", headerOf(s.Headers), refreshBody+" "); got.status != http.StatusUnauthorized {
						t.Errorf("%s with another body through %s: %d %s", name, door, got.status, got.body)
					}
				}
				for family, headers := range ours {
					if got := open(t, "/webhooks", headerOf(headers), refreshBody); got.status != want[door].status {
						t.Errorf("our own %s through %s: %d %s", family, door, got.status, got.body)
					}
				}
			}
			for name, s := range made {
				if !s.Verifies || s.VerifiesAnotherBody {
					t.Errorf("%s says of our signature %v, and of it with another body %v", name, s.Verifies, s.VerifiesAnotherBody)
				}
			}
		})
	}
}

func TestJunctionsSDKsCallWithATokenAsTheirKey(t *testing.T) {
	t.Parallel()
	for language, test := range map[string]struct {
		interpreter func(*testing.T) string
		script      string
	}{
		"Node": {func(t *testing.T) string {
			t.Helper()
			tool(t, "Junction's SDK", "test/node/node_modules/@junction-api/sdk/package.json")
			return need(t, "node")
		}, "node/sdk_token.mjs"},
		"Python": {python, "python/sdk_token.py"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			interpreter := test.interpreter(t)
			url, _ := serveDoor(t)
			out, err := exec.CommandContext(t.Context(), interpreter, test.script, url, callerToken).Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			type made struct {
				Status  int
				Success bool
			}
			if got, want := decode[[]made](t, out), []made{{200, true}, {400, false}, {422, false}, {401, false}}; !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
