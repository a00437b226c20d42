package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// outcomeOf is what a command line came to.
type outcomeOf struct {
	status         int
	stdout, stderr string
}

// local runs a command line with nothing on its standard input.
func local(t *testing.T, args ...string) outcomeOf {
	t.Helper()
	return localWith(t, "", nil, args...)
}

func localWith(t *testing.T, stdin string, environ []string, args ...string) outcomeOf {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr, environ)
	return outcomeOf{status, stdout.String(), stderr.String()}
}

func (o outcomeOf) mustExit(t *testing.T, status int) {
	t.Helper()
	if o.status != status {
		t.Fatalf("exit status %d, want %d\nstdout:\n%s\nstderr:\n%s", o.status, status, o.stdout, o.stderr)
	}
}

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in:\n%s", part, text)
		}
	}
}

func mustNotContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("there is %q in:\n%s", part, text)
		}
	}
}

func TestWithoutArgumentsOneEventIsShownComingInSentAndComingBack(t *testing.T) {
	got := local(t)
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout,
		"What came in, trigger http-api", `"rawPath": "/v2/user/refresh/`+junctiontest.DefaultUserID+`"`,
		"What was sent to Junction", "/v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=28\n", "X-Vital-Api-Key: sk_us_****", "answered 200 OK in ",
		"What came back", "HTTP 200 OK", `"status": "partial"`, `"withings/body"`, "\"failed_sources\": [\n    \"oura/sleep\"\n  ]",
		`"requested_timeout_seconds": 30`)
	mustNotContain(t, got.stdout+got.stderr, junctiontest.DefaultKey, "\x1b")
	if got.stderr != "" {
		t.Errorf("standard error has %q", got.stderr)
	}
}

func TestTheTimeoutFlagIsWhatTheExampleAsksFor(t *testing.T) {
	got := local(t, "--timeout", "3")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"rawQueryString": "timeout=3"`, "?timeout=5\n", `"requested_timeout_seconds": 3,`)
}

func TestHelpTeachesEachCommandWithExamples(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"example", "--help"}, {"invoke", "--help"}, {"serve", "-h"}, {"refresh", "--help"}, {"sign", "--help"}} {
		got := local(t, args...)
		got.mustExit(t, exitOK)
		mustContain(t, got.stdout, "Usage: go run ./cmd/local", "Examples:", "--lambda-timeout")
	}
	mustContain(t, local(t, "--help").stdout, junctiontest.DefaultUserID, junctiontest.SlowClientUserID, "Exit status")
}

func TestACommandLineThatCannotBeUsedIsRefusedWithASentence(t *testing.T) {
	for _, test := range []struct {
		name, says string
		args       []string
	}{
		{"an unknown command", `did you mean "invoke"?`, []string{"invok"}},
		{"an unknown flag", "unknown flag --nope", []string{"--nope"}},
		{"an unknown fault", `there is no "nope"; there are 401,`, []string{"--fault", "nope"}},
		{"a fault that is to happen no times", "is no number of times", []string{"--fault", "503:0"}},
		{"a fault in a live run", "does not go with --live", []string{"--live", "--fault", "503", "refresh", "x"}},
		{"a live run without a key", "set JUNCTION_API_KEY", []string{"--live", "refresh", "x"}},
		{"a live run of the example", "--live needs a command", []string{"--live"}},
		{"a variable that the function has not", "no variable NOPE", []string{"--config", "NOPE=1"}},
		{"a variable without a value", "takes KEY=VALUE", []string{"--config", "MAX_ATTEMPTS"}},
		{"a variable with a bad value", "MAX_ATTEMPTS: is not a whole number", []string{"--config", "MAX_ATTEMPTS=x"}},
		{"another URL than the simulator's", "say --live", []string{"--config", "JUNCTION_BASE_URL=https://example.com"}},
		{"a timeout that is no number", "DEFAULT_TIMEOUT: is not a number", []string{"--timeout", "soon"}},
		{"a Lambda without time", "--lambda-timeout must be over 0", []string{"--lambda-timeout", "0s"}},
		{"a simulator that stands still", "--speed must be over 0", []string{"--speed", "0"}},
		{"an event that is not there", "cannot read the event", []string{"invoke", "testdata/none.json"}},
		{"an invocation of nothing", `expected "<file>"`, []string{"invoke"}},
		{"a refresh of nobody", "refresh whom?", []string{"refresh"}},
		{"a refresh by nobody", "--concurrency must be 1 or more", []string{"refresh", "x", "--concurrency", "0"}},
		{"users in a file that is not there", "cannot read the users", []string{"refresh", "-f", "none"}},
		{"a signature of nothing", `expected "<file>"`, []string{"sign"}},
		{"a body that is not there", "cannot read the body", []string{"sign", "none"}},
		{"another family", "must be one of", []string{"sign", "-", "--family", "v1"}},
		{"an ID with a space", "without spaces", []string{"sign", "-", "--id", "a b"}},
		{"a URL without a host", "--url: want", []string{"sign", "-", "--url", "localhost:8080"}},
		{"a signature of what nobody signs", "--sign is for HTTP events", []string{"invoke", "../../events/sqs.json", "--sign"}},
		{"a way that there is not", "CALLER_AUTH", []string{"--auth", "password"}},
		{"a token that nobody asks for", "go with --auth", []string{"--token", "a-token-of-sixteen"}},
		{"a token that is too short", "16 bytes or more", []string{"--auth", "token", "--token", "short"}},
		{"a webhook secret that is too short", "16 bytes or more", []string{"--auth", "token", "--webhook-secret", "whsec_c2hvcnQ="}},
		{"a webhook secret that is none", "cannot sign", []string{"sign", "-", "--secret", "%%%"}},
		{"an address that cannot be listened at", "cannot serve", []string{"serve", "8080"}},
		{"an address file that cannot be written", "--addr-file", []string{"serve", "127.0.0.1:0", "--addr-file", "none/file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := local(t, test.args...)
			got.mustExit(t, exitUsage)
			mustContain(t, got.stderr, "local: ", test.says)
			if got.stdout != "" {
				t.Errorf("standard output has %q", got.stdout)
			}
		})
	}
}

func TestEveryFaultShowsTheFailureThatItCauses(t *testing.T) {
	for fault, says := range map[string]string{
		"401": "upstream_unauthorized", "404": "user_not_found", "422": "upstream_invalid_request", "429": "rate_limited",
		"500": "upstream_unavailable", "503": "upstream_unavailable", "reset": "upstream_unavailable",
		"html": "upstream_invalid_response", "empty": "upstream_invalid_response", "truncated": "upstream_invalid_response",
		"oversized": "upstream_invalid_response", "gzip-bomb": "upstream_invalid_response", "redirect": "upstream_invalid_response",
		"wrong-user": "upstream_invalid_response", "wrong-types": "upstream_invalid_response",
		"slow": "", "drip": "", "null-lists": "",
	} {
		t.Run(fault, func(t *testing.T) {
			got := local(t, "--fault", fault, "--config", "MAX_ATTEMPTS=1", "--speed", "100000")
			if says == "" {
				got.mustExit(t, exitOK)
				return
			}
			got.mustExit(t, exitFailed)
			mustContain(t, got.stdout, `"error_code": "`+says+`"`)
		})
	}
	if known := strings.Split(faultNames(), ", "); len(known) != 19 { // those above, and hang, which takes 5 s at least
		t.Errorf("there are %d faults", len(known))
	}
}

func TestAFaultThatPassesIsRetried(t *testing.T) {
	got := local(t, "--fault", "503:1")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "answered 503 Service Unavailable", "answered 200 OK", `"attempts": 2`)
}

func TestTheFunctionsLogIsShownOnRequestOnly(t *testing.T) {
	got := local(t, "--verbose")
	mustContain(t, got.stderr, `"msg":"refresh","trigger":"http-api"`, `"status":"partial"`)
	mustNotContain(t, got.stderr, junctiontest.DefaultKey)
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if newScreen(file, false).color {
		t.Error("a file is coloured")
	}
	s := &screen{}
	if got := s.style(bold, "x"); got != "x" {
		t.Errorf("a plain screen shows %q", got)
	}
	s.color = true
	if got := s.style(bold, "x"); got != "\x1b[1mx\x1b[0m" {
		t.Errorf("a coloured screen shows %q", got)
	}
}

func TestInterruptedTheCommandSaysSoAndFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	args := []string{"--fault", "hang"} // else the answer may be the quicker one
	if status := run(ctx, args, strings.NewReader(""), &stdout, &stderr, nil); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stderr.String(), "local: interrupted")
}
