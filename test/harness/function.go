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

	command []string // of the emulator
	env     []string
	mu      sync.Mutex // the emulator takes one invocation at a time
	url     string

	running   sync.Mutex // guards the fields below
	emulators []*Process // all that ever ran; the last one is the present one
	answered  int        // invocations
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
	program, bootstrap := emulatorProgram(t), Bootstrap(t)
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
	if o.table {
		maps.Copy(env, newTable(t))
	}
	f.Secret = NewSecret(t, o.secret)
	maps.Copy(env, f.Secret.Environ())
	maps.Copy(env, o.env)
	f.command, f.env = []string{program, bootstrap}, awstest.Environ(List(env)...)
	t.Cleanup(func() {
		f.emulator().Stop()
		CheckNoSecrets(t, f.Output())
	})
	f.start(t)
	return f
}

func (f *Function) start(t *testing.T) {
	t.Helper()
	front, api := Must(FreeAddress())(t), Must(FreeAddress())(t)
	p := Must(Start(f.env, f.command[0], "--runtime-interface-emulator-address", front, "--runtime-api-address", api, f.command[1]))(t)
	f.running.Lock()
	f.emulators = append(f.emulators, p)
	f.running.Unlock()
	if err := p.waitForTCP(front); err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + front + "/2015-03-31/functions/function/invocations"
}

func (f *Function) emulator() *Process {
	f.running.Lock()
	defer f.running.Unlock()
	return f.emulators[len(f.emulators)-1]
}

// Restart kills the function, whatever it is doing, and starts it again, as Lambda starts another instance.
func (f *Function) Restart(t *testing.T) {
	t.Helper()
	f.emulator().Kill() // which ends the invocation
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start(t)
}

// Invoke sends an event and returns the answer. A Lambda error fails the test.
func (f *Function) Invoke(t *testing.T, event string) []byte {
	t.Helper()
	answer, err := f.Try([]byte(event))
	if err != nil {
		t.Fatalf("invoke: %v\n%s", err, f.Output())
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
	f.running.Lock()
	f.answered++
	f.running.Unlock()
	failed := &LambdaError{raw: answer}
	if json.Unmarshal(answer, failed) == nil && failed.Type != "" {
		return nil, failed
	}
	return answer, nil
}

// Logged returns the JSON lines that the function logged with a message.
func (f *Function) Logged(t *testing.T, message string) []map[string]any {
	t.Helper()
	f.waitForLog()
	var lines []map[string]any
	for line := range strings.Lines(f.stdout()) {
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

// waitForLog waits for the log of the invocations that were answered. The emulator passes on a function's output after its answer
// too. The last line of an invocation has its metrics; a few have none, and their log is not waited for longer.
func (f *Function) waitForLog() {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(PollEvery) {
		f.running.Lock()
		answered := f.answered
		f.running.Unlock()
		if strings.Count(f.stdout(), `"_aws":`) >= answered {
			return
		}
	}
}

// Output returns everything that the function and the emulator wrote.
func (f *Function) Output() string {
	f.waitForLog()
	f.running.Lock()
	defer f.running.Unlock()
	var all strings.Builder
	for _, p := range f.emulators {
		all.WriteString(p.Stdout.String() + p.Stderr.String())
	}
	return all.String()
}

func (f *Function) stdout() string {
	f.running.Lock()
	defer f.running.Unlock()
	var all strings.Builder
	for _, p := range f.emulators {
		all.WriteString(p.Stdout.String())
	}
	return all.String()
}

// List returns an environment as "NAME=value" entries.
func List(env map[string]string) []string {
	var entries []string
	for name, value := range env {
		entries = append(entries, name+"="+value)
	}
	return entries
}
