package deploy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// interpreter runs Step Functions definitions: moto's, which is LocalStack's. Its Lambda is the built function.
type interpreter struct {
	moto     *url.URL
	mu       sync.Mutex
	payloads []string // what the function was invoked with, in order
}

// newInterpreter starts an interpreter. It calls AWS at MOTO_PORT of localhost: a proxy there passes calls of Lambda
// to the function, and all others back to the interpreter.
func newInterpreter(t *testing.T, function *harness.Function) *interpreter {
	t.Helper()
	program, address := harness.Moto(t), harness.Must(harness.FreeAddress())(t)
	in := &interpreter{moto: &url.URL{Scheme: "http", Host: address}}
	others := httputil.NewSingleHostReverseProxy(in.moto)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") {
			others.ServeHTTP(w, r)
			return
		}
		payload, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		in.payloads = append(in.payloads, string(payload))
		in.mu.Unlock()
		answer, err := function.Try(payload)
		var failed *harness.LambdaError
		switch {
		case errors.As(err, &failed): // Lambda has a header for it, the emulator only the body
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			answer = []byte(failed.Error())
		case err != nil:
			t.Error(err)
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(aws.Close)
	moto := harness.Must(harness.Start(append(os.Environ(), "MOTO_PORT="+harness.Port(strings.TrimPrefix(aws.URL, "http://"))), program,
		"-H", "127.0.0.1", "-p", harness.Port(address)))(t)
	t.Cleanup(moto.Stop)
	if err := moto.WaitForHTTP(in.moto.String() + "/moto-api/"); err != nil {
		t.Fatal(err)
	}
	in.send(t, http.MethodPost, "/moto-api/config", "", `{"stepfunctions":{"execute_state_machine":true}}`)
	in.send(t, http.MethodPut, "/"+listBucket, "", "")
	return in
}

// send sends a request to moto, which accepts every signature, and returns the body of a 2xx answer.
func (in *interpreter) send(t *testing.T, method, path, target, body string) []byte {
	t.Helper()
	status, answer := in.try(t, method, path, target, body)
	if status/100 != 2 {
		t.Fatalf("%s %s %s: %d %s", method, path, target, status, answer)
	}
	return answer
}

// try sends a request to moto.
func (in *interpreter) try(t *testing.T, method, path, target, body string) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, in.moto.String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	service := "s3"
	if target != "" {
		service = "states"
		request.Header.Set("X-Amz-Target", "AWSStepFunctions."+target)
		request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261123/"+awstest.Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// execution is the state of a run.
type execution struct{ Status, Output, Error, Cause string }

// run runs a definition with an input, and returns its state at the end.
func (in *interpreter) run(t *testing.T, name, definition, input string) execution {
	t.Helper()
	in.mu.Lock()
	in.payloads = nil
	in.mu.Unlock()
	created := harness.Decode[struct{ StateMachineArn string }](t, in.send(t, http.MethodPost, "/", "CreateStateMachine", encode(t, map[string]string{
		"name": name, "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/any"})))
	started := harness.Decode[struct{ ExecutionArn string }](t, in.send(t, http.MethodPost, "/", "StartExecution", encode(t, map[string]string{
		"stateMachineArn": created.StateMachineArn, "input": input})))
	for deadline := time.Now().Add(harness.StartWithin); ; time.Sleep(harness.PollEvery) {
		state := harness.Decode[execution](t, in.send(t, http.MethodPost, "/", "DescribeExecution", encode(t, map[string]string{"executionArn": started.ExecutionArn})))
		if state.Status != "RUNNING" || time.Now().After(deadline) {
			return state
		}
	}
}

// invokedWith returns what the function was invoked with.
func (in *interpreter) invokedWith() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.payloads)
}
