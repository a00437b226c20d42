package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// ownSecret stands for the user's own webhook secret.
const ownSecret = "whsec_dGhlaXIgb3duIHdlYmhvb2sgc2VjcmV0IQ=="

// signedHeaders reads what sign prints, and verifies it with the Standard Webhooks library, which knows
// only its own header names.
func signedHeaders(t *testing.T, stdout, family, secret, body string) map[string]string {
	t.Helper()
	headers, standard := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		headers[name] = value
		part, ok := strings.CutPrefix(name, family+"-")
		if !ok {
			t.Errorf("%q is not of the family %s", line, family)
		}
		standard["Webhook-"+strings.ToUpper(part[:1])+part[1:]] = []string{value}
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify([]byte(body), standard); err != nil || len(headers) != 3 {
		t.Errorf("%v: %s", err, stdout)
	}
	return headers
}

func TestSignPrintsThreeHeaders(t *testing.T) {
	const body = " {\"note\": \"byte for byte\"}\r\n"
	got := localWith(t, body, nil, "sign", "-")
	got.mustExit(t, exitOK)
	first := signedHeaders(t, got.stdout, "svix", developmentWebhookSecret, body)
	got = localWith(t, body, nil, "sign", "-", "--family", "webhook")
	if second := signedHeaders(t, got.stdout, "webhook", developmentWebhookSecret, body); second["webhook-id"] == first["svix-id"] {
		t.Error("two messages have the same ID")
	}
	got = localWith(t, body, nil, "sign", "-", "--id", "msg_again")
	if headers := signedHeaders(t, got.stdout, "svix", developmentWebhookSecret, body); headers["svix-id"] != "msg_again" {
		t.Errorf("%v", headers)
	}
}

func TestSignTakesTheSecretFromAFlagOrTheEnvironment(t *testing.T) {
	environ := []string{"JUNCTION_WEBHOOK_SECRET=" + ownSecret}
	for _, test := range []struct {
		name          string
		environ, args []string
	}{
		{"--secret", nil, []string{"--secret", ownSecret}},
		{"--webhook-secret", []string{"JUNCTION_WEBHOOK_SECRET=whsec_x"}, []string{"--webhook-secret", ownSecret}},
		{"the environment", environ, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, ownSecret, test.environ, append([]string{"sign", "-"}, test.args...)...)
			got.mustExit(t, exitOK)
			signedHeaders(t, got.stdout, "svix", ownSecret, ownSecret)
			mustNotContain(t, got.stdout+got.stderr, ownSecret)
		})
	}
	t.Run("and does not print it in a curl command", func(t *testing.T) {
		got := localWith(t, ownSecret, environ, "sign", "-", "--url", "http://127.0.0.1:1")
		got.mustExit(t, exitOK)
		mustNotContain(t, got.stdout+got.stderr, ownSecret)
	})
	t.Run("and does not print one that is too short", func(t *testing.T) {
		got := localWith(t, "", []string{"JUNCTION_WEBHOOK_SECRET=too-short-for-a-secret"}, "sign", "-")
		got.mustExit(t, exitUsage)
		mustNotContain(t, got.stderr, "too-short")
	})
}

func TestSignSignsTheBodyOfAnHTTPEvent(t *testing.T) {
	for _, test := range []struct{ name, event, family, body string }{
		{"payload 2.0", `{"requestContext":{"http":{}},"headers":{"Webhook-Id":"x"},"body":"{}"}`, "webhook", "{}"},
		{"payload 1.0", `{"requestContext":{"httpMethod":"POST"},"multiValueHeaders":{"svix-id":["x"]},"body":"{}"}`, "svix", "{}"},
		{"in base64", `{"requestContext":{"http":{}},"body":"aMOp","isBase64Encoded":true}`, "svix", "hé"},
		{"without a body", `{"requestContext":{"http":{}},"body":null}`, "svix", ""},
		{"a body that is not an HTTP event", `{"requestContext":{},"body":"{}"}`, "svix", `{"requestContext":{},"body":"{}"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, test.event, nil, "sign", "-")
			got.mustExit(t, exitOK)
			signedHeaders(t, got.stdout, test.family, developmentWebhookSecret, test.body)
		})
	}
}

func TestSignRefusesAMalformedHTTPEvent(t *testing.T) {
	for message, keys := range map[string]string{
		"body is not a string":                    `"body":1`,
		"isBase64Encoded is not true or false":    `"isBase64Encoded":1`,
		"is not base64, although isBase64Encoded": `"body":"%","isBase64Encoded":true`,
	} {
		t.Run(message, func(t *testing.T) {
			got := localWith(t, `{"requestContext":{"http":{}},`+keys+`}`, nil, "sign", "-")
			got.mustExit(t, exitUsage)
			mustContain(t, got.stderr, message)
		})
	}
}

func TestAShellRunsTheCurlCommand(t *testing.T) {
	for _, name := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	url, stop := server(t, nil, "--speed", "100000", "--auth", "signature")
	defer stop()
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("{\"client_user_id\":\"app-user-completed\",\n\"note\":\"it's $HOME `x` \\\\ \"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{file, "../../events/http-api-junction-webhook.json", "../../events/http-api-webhook-base64.json"} {
		t.Run(filepath.Base(from), func(t *testing.T) {
			got := local(t, "sign", from, "--url", url)
			got.mustExit(t, exitOK)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", got.stdout).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			mustContain(t, string(out), `"success":true`)
		})
	}
}

func TestABodyThatDoesNotFitOnACommandLineIsRefused(t *testing.T) {
	for name, body := range map[string]string{"too long": strings.Repeat("x", maxArgument+1), "not UTF-8": "\xff", "with a null byte": "\x00"} {
		t.Run(name, func(t *testing.T) {
			got := localWith(t, body, nil, "sign", "-", "--url", "http://127.0.0.1:1/webhooks")
			got.mustExit(t, exitUsage)
			mustContain(t, got.stderr, "leave --url out")
			localWith(t, body, nil, "sign", "-").mustExit(t, exitOK)
		})
	}
}

func TestTheCurlCommandKeepsThePathAndQueryOfTheURL(t *testing.T) {
	got := localWith(t, "", nil, "sign", "-", "--url", "https://example.com/prod/webhooks/?a=1")
	mustContain(t, got.stdout, "curl -sS 'https://example.com/prod/webhooks/?a=1'", "--data-raw ''")
}
