package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestWithoutArgumentsTheExampleIsExplained(t *testing.T) {
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

func TestTheTimeoutFlagIsTheExamplesTimeout(t *testing.T) {
	got := local(t, "--timeout", "3")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"rawQueryString": "timeout=3"`, "?timeout=5\n", `"requested_timeout_seconds": 3,`)
}

func TestHelpShowsExamplesOfEachCommand(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"example", "--help"}, {"invoke", "--help"}, {"serve", "-h"}, {"refresh", "--help"}, {"sign", "--help"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := local(t, args...)
			got.mustExit(t, exitOK)
			mustContain(t, got.stdout, "Usage: go run ./cmd/local", "Examples:", "--lambda-timeout")
		})
	}
	mustContain(t, local(t, "--help").stdout, junctiontest.DefaultUserID, junctiontest.SlowClientUserID,
		junctiontest.ReconnectUserID+"  "+junctiontest.ReconnectClientUserID, "NAME[@CALL][:N]", "Exit status")
}

func TestABadCommandLineIsExplained(t *testing.T) {
	for _, test := range []struct {
		name, message string
		args          []string
	}{
		{"an unknown command", `did you mean "invoke"?`, []string{"invok"}},
		{"an unknown flag", "unknown flag --nope", []string{"--nope"}},
		{"an unknown fault", `"nope" is unknown; there are 401,`, []string{"--fault", "nope"}},
		{"a fault that happens zero times", "is not a number of times", []string{"--fault", "503:0"}},
		{"a fault of an unknown call", `there is no call "nope"; there are refresh, resolve,`, []string{"--fault", "503@nope"}},
		{"a fault in a live run", "does not go with --live", []string{"--live", "--fault", "503", "refresh", "x"}},
		{"a live run without a key", "set JUNCTION_API_KEY", []string{"--live", "refresh", "x"}},
		{"a live run of the example", "--live needs a command", []string{"--live"}},
		{"a variable that the function does not have", "no variable NOPE", []string{"--config", "NOPE=1"}},
		{"a variable without a value", "takes KEY=VALUE", []string{"--config", "MAX_ATTEMPTS"}},
		{"a variable with a bad value", "MAX_ATTEMPTS: is not a whole number", []string{"--config", "MAX_ATTEMPTS=x"}},
		{"another URL than the simulator's", "use --live", []string{"--config", "JUNCTION_BASE_URL=https://example.com"}},
		{"a timeout that is not a number", "DEFAULT_TIMEOUT: is not a number", []string{"--timeout", "soon"}},
		{"a Lambda timeout of zero", "--lambda-timeout must be over 0", []string{"--lambda-timeout", "0s"}},
		{"a simulator with the speed zero", "--speed must be over 0", []string{"--speed", "0"}},
		{"an event that does not exist", "cannot read the event", []string{"invoke", "testdata/none.json"}},
		{"an invocation without an event", `expected "<file>"`, []string{"invoke"}},
		{"a refresh without users", "no users", []string{"refresh"}},
		{"a refresh with a concurrency of zero", "--concurrency must be 1 or more", []string{"refresh", "x", "--concurrency", "0"}},
		{"a refresh to follow without looks", "FOLLOW_UP is off", []string{"refresh", "x", "--follow", "--config", "FOLLOW_UP=off"}},
		{"a refresh to follow with a secret that cannot be used", "JUNCTION_API_KEY: ", []string{"refresh", "x", "--follow", "--config", "JUNCTION_API_KEY={"}},
		{"a file of users that does not exist", "cannot read the users", []string{"refresh", "-f", "none"}},
		{"a signature without a body", `expected "<file>"`, []string{"sign"}},
		{"a body that does not exist", "cannot read the body", []string{"sign", "none"}},
		{"an unknown family", "must be one of", []string{"sign", "-", "--family", "v1"}},
		{"an ID with a space", "without spaces", []string{"sign", "-", "--id", "a b"}},
		{"a URL without a host", "--url: it must begin with", []string{"sign", "-", "--url", "localhost:8080"}},
		{"a signature of an event that is not HTTP", "--sign is for HTTP events", []string{"invoke", "../../events/sqs.json", "--sign"}},
		{"an unknown method of authentication", "CALLER_AUTH", []string{"--auth", "password"}},
		{"a token without --auth", "need --auth", []string{"--token", "a-token-of-sixteen"}},
		{"a token that is too short", "16 bytes or more", []string{"--auth", "token", "--token", "short"}},
		{"a webhook secret that is too short", "16 bytes or more", []string{"--auth", "token", "--webhook-secret", "whsec_c2hvcnQ="}},
		{"a webhook secret that is not base64", "cannot sign", []string{"sign", "-", "--secret", "%%%"}},
		{"an address that cannot be listened on", "cannot serve", []string{"serve", "8080"}},
		{"an address file that cannot be written", "--addr-file", []string{"serve", "127.0.0.1:0", "--addr-file", "none/file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := local(t, test.args...)
			got.mustExit(t, exitUsage)
			mustContain(t, got.stderr, "local: ", test.message)
			if got.stdout != "" {
				t.Errorf("standard output has %q", got.stdout)
			}
		})
	}
}

func TestEachFaultCausesItsFailure(t *testing.T) {
	for fault, code := range map[string]string{
		"401": "upstream_unauthorized", "404": "user_not_found", "422": "upstream_invalid_request", "429": "rate_limited",
		"500": "upstream_unavailable", "503": "upstream_unavailable", "reset": "upstream_unavailable",
		"html": "upstream_invalid_response", "empty": "upstream_invalid_response", "truncated": "upstream_invalid_response",
		"oversized": "upstream_invalid_response", "gzip-bomb": "upstream_invalid_response", "redirect": "upstream_invalid_response",
		"wrong-user": "upstream_invalid_response", "wrong-types": "upstream_invalid_response",
		"slow": "", "drip": "", "null-lists": "",
	} {
		t.Run(fault, func(t *testing.T) {
			got := local(t, "--fault", fault, "--config", "MAX_ATTEMPTS=1", "--speed", "100000")
			if code == "" {
				got.mustExit(t, exitOK)
				return
			}
			got.mustExit(t, exitFailed)
			mustContain(t, got.stdout, `"error_code": "`+code+`"`)
		})
	}
	if known := strings.Split(faultNames(), ", "); len(known) != 19 { // those above, and hang, which takes at least 5 s
		t.Errorf("there are %d faults", len(known))
	}
}

func TestAFaultHitsOnlyItsCall(t *testing.T) {
	args := func(fault string) []string {
		return []string{"refresh", "--speed", "100000", "--fault", fault, "--config", "MAX_ATTEMPTS=1", "client:" + junctiontest.ReconnectClientUserID}
	}
	for _, test := range []struct {
		name, fault string
		status      int
		want        string
	}{
		{"the refresh, if it names none", "404:1", exitFailed, " user_not_found\n"},
		{"the refresh by name", "404@refresh", exitFailed, " user_not_found\n"},
		{"another one", "503@resolve:1", exitFailed, " upstream_unavailable\n"},
		{"one that only explains", "503@connections", exitOK, " partial  1          0            1\n"},
		{"one that is not made", "503@list", exitOK, " reconnect oura (token_refresh_failed)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := local(t, args(test.fault)...)
			got.mustExit(t, test.status)
			mustContain(t, got.stdout, test.want)
		})
	}
}

func TestAFaultThatEndsIsRetried(t *testing.T) {
	got := local(t, "--fault", "503:1")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "answered 503 Service Unavailable", "answered 200 OK", `"attempts": 2`)
}

func TestTheFunctionsLogIsShownOnlyWithVerbose(t *testing.T) {
	got := local(t, "--verbose")
	mustContain(t, got.stderr, `"msg":"refresh","version":"local","trigger":"http-api"`, `"status":"partial"`)
	mustNotContain(t, got.stderr, junctiontest.DefaultKey)
}

func TestOnlyTerminalsThatWantColorsShowThem(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if newScreen(file, false).color {
		t.Error("a file is colored")
	}
	s := &screen{}
	if got := s.style(bold, "x"); got != "x" {
		t.Errorf("a plain screen shows %q", got)
	}
	s.color = true
	if got := s.style(bold, "x"); got != "\x1b[1mx\x1b[0m" {
		t.Errorf("a colored screen shows %q", got)
	}
}

func TestAnInterruptedCommandFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	args := []string{"--fault", "hang"} // otherwise the answer may come first
	if status := run(ctx, args, strings.NewReader(""), &stdout, &stderr, nil); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stderr.String(), "local: interrupted")
}

func TestAnInterruptedInvocationQueuesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	args := []string{"invoke", "--queue", "../../events/direct.json", "--fault", "hang"}
	if status := run(ctx, args, strings.NewReader(""), &stdout, &stderr, nil); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stderr.String(), "local: interrupted")
	mustNotContain(t, stdout.String(), "users in")
}
