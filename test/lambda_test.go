package test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// teamKey is the key that tests give the function. It must come up nowhere but in Junction's header.
const teamKey = "sk_us_whole_process_marker_7f3a"

// lambda is the function, running in AWS's Runtime Interface Emulator.
type lambda struct {
	emulator *process
	url      string
}

// startLambda starts the function as Lambda does, with a timeout of so many seconds.
func startLambda(t *testing.T, timeout int, environments ...map[string]string) *lambda {
	t.Helper()
	program, function := emulator(t), bootstrap(t)
	front, api := must(t)(freeAddress()), must(t)(freeAddress())
	env := map[string]string{
		"AWS_LAMBDA_FUNCTION_TIMEOUT": strconv.Itoa(timeout), "AWS_LAMBDA_LOG_FORMAT": "JSON", "CALLER_AUTH": "none",
		// Each test asks for the same few users; what the quota does is tested by itself.
		"QUOTA_LIMIT": "0", "COALESCE_WINDOW": "0s",
	}
	for _, more := range environments {
		maps.Copy(env, more)
	}
	rie, err := start(list(env), program, "--runtime-interface-emulator-address", front, "--runtime-api-address", api, function)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rie.stop)
	if err := rie.listening(front); err != nil {
		t.Fatal(err)
	}
	return &lambda{emulator: rie, url: "http://" + front + "/2015-03-31/functions/function/invocations"}
}

// whole is a function with a Junction and a secret of its own.
func whole(t *testing.T, configure ...func(*junction)) (*lambda, *junction, *secret) {
	t.Helper()
	j := newJunction(t, configure...)
	s := newSecret(t, teamKey)
	return startLambda(t, 90, s.environment(), map[string]string{"JUNCTION_BASE_URL": j.URL}), j, s
}

// invoke sends an event and returns the answer.
func (l *lambda) invoke(t *testing.T, event string) []byte {
	t.Helper()
	// A connection of its own for each: the emulator at times closes one that is kept, and a POST that
	// meets that is not repeated.
	client := &http.Client{Timeout: 100 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(l.url, "application/json", strings.NewReader(event))
	if err != nil {
		t.Fatalf("invoke: %v\n%s", err, &l.emulator.stdout)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("invoke: %s %v\n%s", resp.Status, err, &l.emulator.stdout)
	}
	return body
}

// logged returns the JSON lines that the function has logged with a message.
func (l *lambda) logged(t *testing.T, message string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range bytes.Lines([]byte(l.emulator.stdout.String())) {
		if !bytes.HasPrefix(line, []byte("{")) {
			continue // the emulator's own
		}
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Errorf("a log line is no JSON: %s", line)
		} else if fields["message"] == message {
			lines = append(lines, fields)
		}
	}
	return lines
}

// output is all that the function and the emulator have written.
func (l *lambda) output() string { return l.emulator.stdout.String() + l.emulator.stderr.String() }

func list(env map[string]string) []string {
	var entries []string
	for name, value := range env {
		entries = append(entries, name+"="+value)
	}
	return entries
}
