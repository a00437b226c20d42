package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// server runs serve until the test ends or stop is called, which returns the exit status, the rest of
// its standard output, and its standard error.
func server(t *testing.T, environ []string, args ...string) (url string, stop func() (int, string, string)) {
	t.Helper()
	url, _, stop = watchedServer(t, environ, args...)
	return url, stop
}

// watchedServer is server, with its standard error as it comes.
func watchedServer(t *testing.T, environ []string, args ...string) (url string, stderr *watched, stop func() (int, string, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	stderr = newWatched()
	ended := make(chan int, 1)
	go func() {
		defer func() { _ = writer.Close() }()
		ended <- run(ctx, append([]string{"serve", "127.0.0.1:0"}, args...), strings.NewReader(""), writer, stderr, environ)
	}()
	stdout := bufio.NewReader(reader)
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("serve ended with %d: %s", <-ended, stderr.String())
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
		return <-ended, rest.String(), stderr.String()
	}
	_, line, _ = strings.Cut(line, "Listening on ")
	url, _, _ = strings.Cut(line, " ")
	return url, stderr, stop
}

// watched is an output that a test waits on.
type watched struct {
	mu   sync.Mutex
	more *sync.Cond
	text strings.Builder
}

func newWatched() *watched {
	w := &watched{}
	w.more = sync.NewCond(&w.mu)
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.more.Broadcast()
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// until waits for a text to be written so many times.
func (w *watched) until(t *testing.T, part string, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, w.more.Broadcast)()
	w.mu.Lock()
	defer w.mu.Unlock()
	for strings.Count(w.text.String(), part) < times {
		if ctx.Err() != nil {
			t.Fatalf("%q was not written %d times:\n%s", part, times, w.text.String())
		}
		w.more.Wait()
	}
}

// send makes a request and returns its answer with the body read.
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

func TestServeAnswersRealRequestsAsTheDeployedAPIDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	url, stop := server(t, nil, "--speed", "100000", "--addr-file", file)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		says                     string
	}{
		{"the mirror route", "POST", "/v2/user/refresh/" + junctiontest.DefaultUserID + "?timeout=60", "", nil, 200, `"status":"partial"`},
		{"one that takes its time", "POST", "/v2/user/refresh/" + junctiontest.SlowUserID, "", nil, 202, `"status":"in_progress"`},
		{"no such user", "POST", "/v2/user/refresh/" + junctiontest.UnknownUserID, "", nil, 404, "user_not_found"},
		{"no UUID", "POST", "/v2/user/refresh/me", "", nil, 422, `"detail":[`},
		{"an app's webhook", "POST", "/webhooks", `{"data":{"user_id":"` + junctiontest.CompletedUserID + `"}}`,
			[]string{"Content-Type", "application/json"}, 202, `"status":"queued"`},
		{"a webhook in base64, since it says no type", "POST", "/webhooks", `{"client_user_id":"app-user-completed"}`, nil, 202, `"status":"queued"`},
		{"one that does not want to wait", "POST", "/v2/user/refresh/" + junctiontest.DefaultUserID, "", []string{"Prefer", "respond-async"}, 202, `"status":"queued"`},
		{"a webhook of Junction's that asks for nothing", "POST", "/webhooks", `{"event_type":"daily.data.sleep.created"}`,
			[]string{"Content-Type", "application/json", "Svix-Id", "msg_1"}, 200, `"status":"ignored"`},
		{"no such route", "POST", "/other", "", nil, 404, "not_found"},
		{"another method", "GET", "/webhooks", "", nil, 405, "method_not_allowed"},
		{"more than API Gateway takes", "POST", "/webhooks", strings.Repeat("x", 10<<20+1), nil, 413, `{"message":"Request Entity Too Large"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, test.method, url+test.path, test.body, test.header...)
			if resp.StatusCode != test.status || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Apigw-Requestid") == "" {
				t.Errorf("%s with %v, want status %d", resp.Status, resp.Header, test.status)
			}
			mustContain(t, body, test.says)
		})
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != url+"\n" {
		t.Errorf("the address file has %q, %v", written, err)
	}
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "curl -X POST '"+url+"/v2/user/refresh/"+junctiontest.DefaultUserID, "curl '"+url+"/webhooks'")
	mustContain(t, stderr, " POST /v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=60 200 ", " GET /webhooks 405 ", "finishing")
	mustNotContain(t, stdout+stderr, junctiontest.DefaultKey)
}

func TestTheMirrorRouteOverHTTPClampsToTheGatewaysThirtySeconds(t *testing.T) {
	url, stop := server(t, nil)
	defer stop()
	_, body := send(t, "POST", url+"/v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=60", "")
	var out result.Result
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.TimeoutSeconds != 28 || out.RequestedTimeoutSeconds != 60 {
		t.Errorf("%v: %s", err, body)
	}
}

func TestServeLiveGreetsWithoutTheSimulatorsUsers(t *testing.T) {
	_, stop := server(t, []string{"JUNCTION_API_KEY=" + theirKey}, "--live")
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "/v2/user/refresh/USER_ID")
	mustNotContain(t, stdout+stderr, junctiontest.DefaultUserID, theirKey)
}
