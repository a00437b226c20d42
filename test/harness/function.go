package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// Function is the built function in AWS's Runtime Interface Emulator, and what it calls.
type Function struct {
	Secret    *Secret
	Junction  *Junction               // Prism; nil with WithSimulator, WithQueue or WithJunctionAt
	Simulator *junctiontest.Simulator // nil without WithSimulator or WithQueue
	AWS       *Stack                  // the queue and the bus; nil without WithQueue

	emulator *Process
	url      string
	mu       sync.Mutex // the emulator takes one invocation at a time
}

// New starts the function as Lambda does. By default it reads TeamKey from a secret, calls Prism, lets every
// caller in, and refreshes a user as often as it is asked to. The test fails if the log shows a secret or a
// payload.
func New(t *testing.T, with ...Option) *Function {
	t.Helper()
	o := options{timeout: 90, secret: TeamKey, env: map[string]string{}}
	for _, option := range with {
		option(&o)
	}
	program, bootstrap := emulator(t), Bootstrap(t)
	f := &Function{}
	env := map[string]string{
		"AWS_LAMBDA_FUNCTION_TIMEOUT": strconv.Itoa(o.timeout), "AWS_LAMBDA_LOG_FORMAT": "JSON",
		// Each test asks for the same few users; the quota has tests of its own.
		"QUOTA_LIMIT": "0", "COALESCE_WINDOW": "0s",
	}
	switch {
	case o.simulated:
		f.Simulator, env["JUNCTION_BASE_URL"] = NewSimulator(t, o.simulator...)
	case o.junctionURL != "":
		env["JUNCTION_BASE_URL"] = o.junctionURL
	default:
		f.Junction = NewJunction(t, o.configure...)
		env["JUNCTION_BASE_URL"] = f.Junction.URL
	}
	if o.queue {
		f.AWS = NewStack(t, Visibility)
		maps.Copy(env, f.AWS.Environ())
	}
	f.Secret = NewSecret(t, o.secret)
	maps.Copy(env, f.Secret.Environ())
	maps.Copy(env, o.env)
	f.start(t, program, bootstrap, awstest.Environ(List(env)...))
	return f
}

func (f *Function) start(t *testing.T, emulator, bootstrap string, env []string) {
	t.Helper()
	front, api := Must(FreeAddress())(t), Must(FreeAddress())(t)
	f.emulator = Must(Start(env, emulator, "--runtime-interface-emulator-address", front, "--runtime-api-address", api, bootstrap))(t)
	t.Cleanup(func() {
		f.emulator.Stop()
		CheckNoSecrets(t, f.Output())
	})
	if err := f.emulator.waitForTCP(front); err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + front + "/2015-03-31/functions/function/invocations"
}

// Invoke sends an event and returns the answer. A Lambda error fails the test.
func (f *Function) Invoke(t *testing.T, event string) []byte {
	t.Helper()
	answer, err := f.Try([]byte(event))
	if err != nil {
		t.Fatalf("invoke: %v\n%s", err, &f.emulator.Stdout)
	}
	return answer
}

// LambdaError is the document that Lambda answers with if the function returns an error.
type LambdaError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
	raw     []byte
}

func (e *LambdaError) Error() string { return string(e.raw) }

// Try sends an event and returns the answer, or a *LambdaError if the function returned an error.
func (f *Function) Try(event []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A new connection per event: the emulator sometimes closes an idle one, and a POST is not repeated then.
	client := &http.Client{Timeout: 100 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(f.url, "application/json", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, errors.Join(err, fmt.Errorf("%s %s", resp.Status, answer))
	}
	failed := &LambdaError{raw: answer}
	if json.Unmarshal(answer, failed) == nil && failed.Type != "" {
		return nil, failed
	}
	return answer, nil
}

// Logged returns the JSON lines that the function logged with a message.
func (f *Function) Logged(t *testing.T, message string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(f.emulator.Stdout.String()) {
		if !strings.HasPrefix(line, "{") {
			continue // the emulator's own
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("a log line is not JSON: %s", line)
		} else if fields["message"] == message {
			lines = append(lines, fields)
		}
	}
	return lines
}

// Output returns everything that the function and the emulator wrote.
func (f *Function) Output() string { return f.emulator.Stdout.String() + f.emulator.Stderr.String() }

// List returns an environment as "NAME=value" entries.
func List(env map[string]string) []string {
	var entries []string
	for name, value := range env {
		entries = append(entries, name+"="+value)
	}
	return entries
}
