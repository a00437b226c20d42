package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// ended is how a command line ended.
type ended struct {
	status         int
	stdout, stderr string
}

// local runs a command line with an empty standard input and an empty environment.
func local(t *testing.T, args ...string) ended {
	t.Helper()
	return localWith(t, "", nil, args...)
}

func localWith(t *testing.T, stdin string, environ []string, args ...string) ended {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr, environ)
	return ended{status, stdout.String(), stderr.String()}
}

func (e ended) mustExit(t *testing.T, status int) {
	t.Helper()
	if e.status != status {
		t.Fatalf("exit status %d, want %d\nstdout:\n%s\nstderr:\n%s", e.status, status, e.stdout, e.stderr)
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

// server runs serve until the test ends or stop is called. stop returns the exit status, standard output
// without its first line, and standard error.
func server(t *testing.T, environ []string, args ...string) (url string, stop func() (int, string, string)) {
	t.Helper()
	url, _, stop = watchedServer(t, environ, args...)
	return url, stop
}

// watchedServer is server, and its standard error can be watched.
func watchedServer(t *testing.T, environ []string, args ...string) (url string, stderr *watchedOutput, stop func() (int, string, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	stderr = newWatchedOutput()
	exited := make(chan int, 1)
	go func() {
		defer func() { _ = writer.Close() }()
		exited <- run(ctx, append([]string{"serve", "127.0.0.1:0"}, args...), strings.NewReader(""), writer, stderr, environ)
	}()
	stdout := bufio.NewReader(reader)
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("serve ended with %d: %s", <-exited, stderr.String())
	}
	var rest bytes.Buffer
	read := make(chan struct{})
	go func() {
		_, _ = rest.ReadFrom(stdout)
		close(read)
	}()
	stop = func() (int, string, string) {
		cancel()
		<-read
		return <-exited, rest.String(), stderr.String()
	}
	_, line, _ = strings.Cut(line, "Listening on ")
	url, _, _ = strings.Cut(line, " ")
	return url, stderr, stop
}

// watchedOutput is an output that a test can wait for.
type watchedOutput struct {
	mu      sync.Mutex
	written *sync.Cond
	text    strings.Builder
}

func newWatchedOutput() *watchedOutput {
	w := &watchedOutput{}
	w.written = sync.NewCond(&w.mu)
	return w
}

func (w *watchedOutput) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written.Broadcast()
	return w.text.Write(p)
}

func (w *watchedOutput) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// until waits until a text was written this many times.
func (w *watchedOutput) until(t *testing.T, part string, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, w.written.Broadcast)()
	w.mu.Lock()
	defer w.mu.Unlock()
	for strings.Count(w.text.String(), part) < times {
		if ctx.Err() != nil {
			t.Fatalf("%q was not written %d times:\n%s", part, times, w.text.String())
		}
		w.written.Wait()
	}
}

// send makes a request and returns the response with its body. header is names and values in turns.
func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}
