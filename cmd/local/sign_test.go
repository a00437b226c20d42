package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// theirSecret stands for the user's own webhook secret.
const theirSecret = "whsec_dGhlaXIgb3duIHdlYmhvb2sgc2VjcmV0IQ=="

// headersOfSign reads what sign prints, and has the Standard Webhooks library verify it, which knows
// one family alone.
func headersOfSign(t *testing.T, stdout, family, secret, body string) map[string]string {
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

func TestSignPrintsTheThreeHeadersOfABody(t *testing.T) {
	const body = " {\"note\": \"byte for byte\"}\r\n"
	got := localWith(t, body, nil, "sign", "-")
	got.mustExit(t, exitOK)
	first := headersOfSign(t, got.stdout, "svix", developmentWebhookSecret, body)
	got = localWith(t, body, nil, "sign", "-", "--family", "webhook")
	if second := headersOfSign(t, got.stdout, "webhook", developmentWebhookSecret, body); second["webhook-id"] == first["svix-id"] {
		t.Error("two messages have one ID")
	}
	got = localWith(t, body, nil, "sign", "-", "--id", "msg_again")
	if headers := headersOfSign(t, got.stdout, "svix", developmentWebhookSecret, body); headers["svix-id"] != "msg_again" {
		t.Errorf("%v", headers)
	}
}

func TestSignTakesTheSecretFromAFlagOrTheEnvironmentAndDoesNotPrintIt(t *testing.T) {
	environ := []string{"JUNCTION_WEBHOOK_SECRET=" + theirSecret}
	for name, got := range map[string]outcomeOf{
		"--secret":         localWith(t, theirSecret, nil, "sign", "-", "--secret", theirSecret),
		"--webhook-secret": localWith(t, theirSecret, []string{"JUNCTION_WEBHOOK_SECRET=whsec_x"}, "sign", "-", "--webhook-secret", theirSecret),
		"the environment":  localWith(t, theirSecret, environ, "sign", "-"),
	} {
		got.mustExit(t, exitOK)
		headersOfSign(t, got.stdout, "svix", theirSecret, theirSecret)
		mustNotContain(t, name+got.stdout+got.stderr, theirSecret)
	}
	got := localWith(t, theirSecret, environ, "sign", "-", "--url", "http://127.0.0.1:1")
	got.mustExit(t, exitOK)
	mustNotContain(t, got.stdout+got.stderr, theirSecret)
	got = localWith(t, "", []string{"JUNCTION_WEBHOOK_SECRET=too-short-for-a-secret"}, "sign", "-")
	got.mustExit(t, exitUsage)
	mustNotContain(t, got.stderr, "too-short")
}

func TestOfAnHTTPEventTheBodyIsSignedUnderTheEventsOwnFamily(t *testing.T) {
	for _, test := range []struct{ name, event, family, body string }{
		{"payload 2.0", `{"requestContext":{"http":{}},"headers":{"Webhook-Id":"x"},"body":"{}"}`, "webhook", "{}"},
		{"payload 1.0", `{"requestContext":{"httpMethod":"POST"},"multiValueHeaders":{"svix-id":["x"]},"body":"{}"}`, "svix", "{}"},
		{"in base64", `{"requestContext":{"http":{}},"body":"aMOp","isBase64Encoded":true}`, "svix", "hé"},
		{"without a body", `{"requestContext":{"http":{}},"body":null}`, "svix", ""},
		{"no HTTP event but a body", `{"requestContext":{},"body":"{}"}`, "svix", `{"requestContext":{},"body":"{}"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, test.event, nil, "sign", "-")
			got.mustExit(t, exitOK)
			headersOfSign(t, got.stdout, test.family, developmentWebhookSecret, test.body)
		})
	}
	for says, rest := range map[string]string{
		"is no text": `"body":1`, "is neither": `"isBase64Encoded":1`, "not the base64": `"body":"%","isBase64Encoded":true`,
	} {
		got := localWith(t, `{"requestContext":{"http":{}},`+rest+`}`, nil, "sign", "-")
		got.mustExit(t, exitUsage)
		mustContain(t, got.stderr, says)
	}
}

func TestTheCurlCommandSendsASignedBodyFromAShell(t *testing.T) {
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
		got := local(t, "sign", from, "--url", url)
		got.mustExit(t, exitOK)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", got.stdout).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		mustContain(t, string(out), `"success":true`)
	}
}

func TestWhatDoesNotGoOnACommandLineIsNotPutThere(t *testing.T) {
	for _, body := range []string{strings.Repeat("x", maxArgument+1), "\xff", "\x00"} {
		got := localWith(t, body, nil, "sign", "-", "--url", "http://127.0.0.1:1/webhooks")
		got.mustExit(t, exitUsage)
		mustContain(t, got.stderr, "leave --url out")
		localWith(t, body, nil, "sign", "-").mustExit(t, exitOK)
	}
	got := localWith(t, "", nil, "sign", "-", "--url", "https://example.com/prod/webhooks/?a=1")
	mustContain(t, got.stdout, "curl -sS 'https://example.com/prod/webhooks/?a=1'", "--data-raw ''")
}
