package harness

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// Worker is one instance of the function without the emulator (./worker): it takes many events at once, and traces. It
// can be killed and started again.
type Worker struct {
	command []string
	env     []string

	mu        sync.Mutex
	url       string // "" while it does not run
	running   *Process
	processes []*Process // all that ever ran
}

// NewWorker returns a worker that is not started yet. It runs until the end of the test.
func NewWorker(t *testing.T, timeout time.Duration, env map[string]string) *Worker {
	t.Helper()
	w := &Worker{command: []string{Must(buildWorker())(t), "-timeout", timeout.String()}, env: awstest.Environ(List(env)...)}
	t.Cleanup(w.Kill)
	return w
}

// Start starts the worker's process and waits until it listens.
func (w *Worker) Start() error {
	p, err := Start(w.env, w.command[0], w.command[1:]...)
	if err != nil {
		return err
	}
	err = p.WaitUntil("listened", func() bool { return strings.HasSuffix(p.Stdout.String(), "\n") })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.processes = p, append(w.processes, p)
	w.url = strings.TrimSpace(p.Stdout.String())
	return err
}

// Kill ends the worker's process at once.
func (w *Worker) Kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != nil {
		w.running.Kill()
		w.running, w.url = nil, ""
	}
}

// Running reports whether the worker has a process.
func (w *Worker) Running() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.url != ""
}

// Invoke sends an event and returns the answer, which may be a Lambda error's document. ok is false if the worker was
// killed meanwhile.
func (w *Worker) Invoke(event string) (answer []byte, ok bool) {
	return w.InvokeTraced(event, "")
}

// InvokeTraced is Invoke with an X-Ray trace header.
func (w *Worker) InvokeTraced(event, trace string) (answer []byte, ok bool) {
	w.mu.Lock()
	url := w.url
	w.mu.Unlock()
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(event))
	if err != nil || url == "" {
		return nil, false
	}
	request.Header.Set("Content-Type", "application/json")
	if trace != "" {
		request.Header.Set("X-Amzn-Trace-Id", trace)
	}
	resp, err := workerClient.Do(request)
	if err != nil {
		return nil, false
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	return answer, err == nil
}

var workerClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// Log returns what all processes of the worker logged.
func (w *Worker) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all strings.Builder
	for _, p := range w.processes {
		all.WriteString(p.Stderr.String())
	}
	return all.String()
}

// Soak returns how long the soak tests last if `make soak` runs them, and otherwise if not.
func Soak(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	if !Soaking() {
		return otherwise
	}
	return Must(time.ParseDuration(os.Getenv(soakVariable)))(t)
}

// Soaking reports whether `make soak` runs the tests.
func Soaking() bool { return os.Getenv(soakVariable) != "" }

const soakVariable = "JUNCTION_REFRESH_SOAK"
