package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	stateMachine = "../examples/step-functions/refresh.asl.json"
	listBucket   = "lists-of-users"
	functionARN  = "arn:aws:lambda:us-east-1:123456789012:function:junction-refresh"
)

// interpreter runs Step Functions definitions: moto's, which is LocalStack's. Its Lambda is the built function.
type interpreter struct {
	moto    *url.URL
	mu      sync.Mutex
	invoked []string // what the function was given, in order
}

// newInterpreter starts one. It calls AWS at MOTO_PORT of localhost, and there it finds the function where it asks
// for Lambda, and itself for the rest.
func newInterpreter(t *testing.T, function *lambda) *interpreter {
	t.Helper()
	program, address := motoServer(t), must(t)(freeAddress())
	in := &interpreter{moto: &url.URL{Scheme: "http", Host: address}}
	rest := httputil.NewSingleHostReverseProxy(in.moto)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") {
			rest.ServeHTTP(w, r)
			return
		}
		payload, _ := io.ReadAll(r.Body)
		in.mu.Lock() // the emulator has one instance
		defer in.mu.Unlock()
		in.invoked = append(in.invoked, string(payload))
		answer := function.invoke(t, string(payload))
		if bytes.Contains(answer, []byte(`"errorType"`)) { // Lambda says so in a header, the emulator in the body alone
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(aws.Close)
	moto, err := start(append(os.Environ(), "MOTO_PORT="+port(strings.TrimPrefix(aws.URL, "http://"))), program,
		"-H", "127.0.0.1", "-p", port(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.stop)
	if err := moto.serving(in.moto.String() + "/moto-api/"); err != nil {
		t.Fatal(err)
	}
	in.send(t, http.MethodPost, "/moto-api/config", "", `{"stepfunctions":{"execute_state_machine":true}}`)
	in.send(t, http.MethodPut, "/"+listBucket, "", "")
	return in
}

// send sends a request to moto, which believes every signature, and returns the answer of a 2xx.
func (in *interpreter) send(t *testing.T, method, path, target, body string) []byte {
	t.Helper()
	status, answer := in.try(t, method, path, target, body)
	if status/100 != 2 {
		t.Fatalf("%s %s %s: %d %s", method, path, target, status, answer)
	}
	return answer
}

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
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261123/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
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

// execution is how a run ended.
type execution struct{ Status, Output, Error, Cause string }

// run runs a definition with an input until it ends.
func (in *interpreter) run(t *testing.T, name, definition, input string) execution {
	t.Helper()
	in.mu.Lock()
	in.invoked = nil
	in.mu.Unlock()
	created := decode[struct{ StateMachineArn string }](t, in.send(t, http.MethodPost, "/", "CreateStateMachine", marshal(t, map[string]string{
		"name": name, "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/any"})))
	started := decode[struct{ ExecutionArn string }](t, in.send(t, http.MethodPost, "/", "StartExecution", marshal(t, map[string]string{
		"stateMachineArn": created.StateMachineArn, "input": input})))
	for deadline := time.Now().Add(startWithin); ; time.Sleep(pollEvery) {
		is := decode[execution](t, in.send(t, http.MethodPost, "/", "DescribeExecution", marshal(t, map[string]string{"executionArn": started.ExecutionArn})))
		if is.Status != "RUNNING" || time.Now().After(deadline) {
			return is
		}
	}
}

// given returns what the function was called with.
func (in *interpreter) given() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.invoked)
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// definition is the example's, as SAM would deploy it, with pauses of a second and changed as a test wants.
func definition(t *testing.T, change func(refreshUsers map[string]any)) string {
	t.Helper()
	text := must(t)(readText(stateMachine))
	text = strings.NewReplacer("${RefreshFunctionArn}", functionARN, "${Partition}", "aws").Replace(text)
	text = regexp.MustCompile(`"IntervalSeconds": \d+`).ReplaceAllString(text, `"IntervalSeconds": 1`)
	text = strings.ReplaceAll(text, `"BackoffRate": 2`, `"BackoffRate": 1`)
	document := decode[map[string]any](t, []byte(text))
	if change != nil {
		change(document["States"].(map[string]any)["Refresh users"].(map[string]any))
	}
	return marshal(t, document)
}

func readText(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}

func TestTheStateMachineRefreshesEachUserOfAListAndOnesFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	shaky, down := junctiontest.GeneratedUserID(0), junctiontest.GeneratedUserID(1)
	junction := junctiontest.New(junctiontest.WithKeys(teamKey), junctiontest.WithGeneratedUsers(2), junctiontest.WithSpeed(1e6))
	server := httptest.NewServer(junction)
	t.Cleanup(server.Close)
	function := startLambda(t, 90, newSecret(t, teamKey).environment(), map[string]string{"JUNCTION_BASE_URL": server.URL, "MAX_ATTEMPTS": "1"})
	in := newInterpreter(t, function)
	list := "name,user_id\nAda," + junctiontest.CompletedUserID + "\nBob," + junctiontest.NoSourcesUserID + "\n\"C, D\"," + shaky + "\nEve," + down + "\nFay,not-an-id\n"
	in.send(t, http.MethodPut, "/"+listBucket+"/today/users.csv", "", list)
	input := `{"bucket":"` + listBucket + `","key":"today/users.csv","timeout":20,"max_concurrency":2}`
	fail := func() {
		junction.ClearFaults()
		junction.InjectFor(shaky, 2, junctiontest.Status(http.StatusServiceUnavailable))
		junction.InjectFor(down, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	}

	// As it is: what it writes is a manifest in S3, and what it answers says where.
	fail()
	is := in.run(t, "as-it-is", definition(t, nil), input)
	if is.Status != "SUCCEEDED" {
		t.Fatalf("it ended with %+v", is)
	}
	written := decode[struct{ ResultWriterDetails struct{ Bucket, Key string } }](t, []byte(is.Output)).ResultWriterDetails
	if !strings.HasPrefix(written.Key, "results/") {
		t.Errorf("the results are at %+v", written)
	}
	in.send(t, http.MethodGet, "/"+written.Bucket+"/"+written.Key, "", "")
	counts := map[string]int{}
	for _, payload := range in.given() {
		document := decode[struct {
			UserID  string  `json:"user_id"`
			Timeout float64 `json:"timeout"`
		}](t, []byte(payload))
		if document.Timeout != 20 {
			t.Errorf("the function was given %s", payload)
		}
		counts[document.UserID]++
	}
	for user, want := range map[string]int{junctiontest.CompletedUserID: 1, junctiontest.NoSourcesUserID: 1, shaky: 3, down: 5, "not-an-id": 1} {
		if counts[user] != want {
			t.Errorf("%s was tried %d times, want %d", user, counts[user], want)
		}
	}

	// Without the writer, which this interpreter only does the outlines of, the children's results are the answer.
	fail()
	is = in.run(t, "without-writer", definition(t, func(refreshUsers map[string]any) { delete(refreshUsers, "ResultWriter") }), input)
	if is.Status != "SUCCEEDED" {
		t.Fatalf("it ended with %+v", is)
	}
	got := map[string]string{}
	for _, child := range decode[[]json.RawMessage](t, []byte(is.Output)) {
		caught := decode[struct {
			UserID string `json:"user_id"`
			Type   string `json:"error_type"`
		}](t, child)
		if caught.Type != "" {
			got[caught.UserID] = "caught " + caught.Type
			continue
		}
		result := readResult(t, child)
		got[result.UserID] = strings.TrimSuffix(result.Status+" "+result.ErrorCode, " ")
	}
	want := map[string]string{junctiontest.CompletedUserID: "completed", junctiontest.NoSourcesUserID: "failed no_connected_sources",
		shaky: "completed", down: "caught UpstreamUnavailable"}
	for user, outcome := range want {
		if got[user] != outcome {
			t.Errorf("%s is %q, want %q", user, got[user], outcome)
		}
	}
}

func TestTheStateMachineRetriesAndCatchesEveryErrorTypeThatTheDocumentationHas(t *testing.T) {
	t.Parallel()
	retried, caught := map[string]bool{}, map[string]bool{}
	definition(t, func(refreshUsers map[string]any) {
		states := refreshUsers["ItemProcessor"].(map[string]any)["States"].(map[string]any)
		refresh := states["Refresh"].(map[string]any)
		for field, names := range map[string]map[string]bool{"Retry": retried, "Catch": caught} {
			rules, _ := refresh[field].([]any)
			for _, rule := range rules {
				for _, name := range rule.(map[string]any)["ErrorEquals"].([]any) {
					names[name.(string)] = true
				}
			}
		}
	})
	types := regexp.MustCompile("(?m)^\\|.*\\| yes \\|.*\\| `([A-Za-z, `]+)` \\|[^|]*\\|$").FindAllStringSubmatch(must(t)(readText("../docs/errors.md")), -1)
	if len(types) < 7 {
		t.Fatalf("docs/errors.md has only the error types %q", types)
	}
	for _, row := range types {
		for _, name := range strings.Split(row[1], "`, `") {
			if !retried[name] || !caught[name] {
				t.Errorf("%s: retried %t, caught %t", name, retried[name], caught[name])
			}
		}
	}
}

func TestTheInterpreterRefusesAStateMachineThatIsNone(t *testing.T) {
	t.Parallel()
	in := newInterpreter(t, nil)
	broken := definition(t, func(refreshUsers map[string]any) { refreshUsers["ItemReaders"] = refreshUsers["ItemReader"] })
	status, answer := in.try(t, http.MethodPost, "/", "CreateStateMachine",
		marshal(t, map[string]string{"name": "broken", "definition": broken, "roleArn": "arn:aws:iam::123456789012:role/any"}))
	if status != http.StatusBadRequest || !bytes.Contains(answer, []byte("ItemReaders")) {
		t.Errorf("it said %d %s", status, answer)
	}
}

func TestTheStateMachineHasNoFieldThatCfnLintDoesNotKnow(t *testing.T) {
	t.Parallel()
	lint := tool(t, "cfn-lint", ".tools/venv/bin/cfn-lint")
	template := func(definition string) string {
		path := filepath.Join(t.TempDir(), "template.json")
		text := marshal(t, map[string]any{"Resources": map[string]any{"RefreshUsers": map[string]any{
			"Type": "AWS::StepFunctions::StateMachine",
			"Properties": map[string]any{
				"RoleArn": "arn:aws:iam::123456789012:role/any", "Definition": json.RawMessage(definition),
			},
		}}})
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := template(definition(t, nil))
	bad := template(definition(t, func(refreshUsers map[string]any) { refreshUsers["MaxConcurency"] = 1 }))
	if out, err := exec.CommandContext(t.Context(), lint, good, "../examples/step-functions/template.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), lint, bad).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("MaxConcurency")) {
		t.Errorf("a misspelt field passed: %v %s", err, out)
	}
}
