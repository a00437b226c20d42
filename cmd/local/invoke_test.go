package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestEachEventOfTheRepositoryIsServed(t *testing.T) {
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "env.json" { // variables for sam local invoke
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			args := []string{"invoke", file, "--speed", "100000"}
			if filepath.Base(file) == "all-users.json" {
				args = append(args, "--queue")
			}
			got := local(t, args...)
			got.mustExit(t, exitOK)
			mustContain(t, got.stdout, "What came in, trigger ", "What was sent to Junction", "What came back")
		})
	}
}

func TestTheExitStatusSaysWhetherTheEventsSenderWasServed(t *testing.T) {
	record := func(user string) string {
		return `{"Records":[{"eventSource":"aws:sqs","messageId":"m1","body":"{\"user_id\":\"` + user + `\"}"}]}`
	}
	for _, test := range []struct {
		name, event string
		flags       []string
		status      int
		says        string
	}{
		{"completed", `{"client_user_id":"app-user-completed"}`, nil, exitOK, `"status": "completed"`},
		{"still going on", `{"client_user_id":"app-user-slow"}`, nil, exitOK, `"status": "in_progress"`},
		{"ignored", `{"source":"junction.refresh","detail-type":"x","detail":{}}`, nil, exitOK, `"status": "ignored"`},
		{"a failed result", `{"client_user_id":"app-user-without-sources"}`, nil, exitFailed, "no_connected_sources"},
		{"an event that nobody sends", `[1]`, nil, exitFailed, "the event is not a JSON object"},
		{"a Lambda error", `{"client_user_id":"app-user-completed"}`, []string{"--fault", "429"}, exitFailed, `"errorType": "RateLimited"`},
		{"too little time", `{"client_user_id":"app-user-completed"}`, []string{"--lambda-timeout", "6s"}, exitFailed, `"errorType": "InsufficientTime"`},
		{"one failed user of several", `{"user_ids":["` + junctiontest.DefaultUserID + `","` + junctiontest.UnknownUserID + `"]}`, nil, exitFailed, `"failed": 1`},
		{"a message that is done", record(junctiontest.DefaultUserID), nil, exitOK, `"batchItemFailures": []`},
		{"a message that goes back", record(junctiontest.DefaultUserID), []string{"--fault", "429"}, exitFailed, `"itemIdentifier": "m1"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, test.event, nil, append([]string{"invoke", "-", "--speed", "100000"}, test.flags...)...)
			got.mustExit(t, test.status)
			mustContain(t, got.stdout, test.says)
		})
	}
}

func TestJSONPrintsTheAnswerAlone(t *testing.T) {
	var answer struct{ Status, ErrorType string }
	got := localWith(t, `{"client_user_id":"app-user-completed"}`, nil, "invoke", "--json", "-")
	got.mustExit(t, exitOK)
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || answer.Status != "completed" {
		t.Errorf("%v: %s", err, got.stdout)
	}
	got = localWith(t, `{"client_user_id":"app-user-completed"}`, nil, "invoke", "--json", "-", "--fault", "429")
	got.mustExit(t, exitFailed)
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || answer.ErrorType != "RateLimited" {
		t.Errorf("%v: %s", err, got.stdout)
	}
}

func TestWhatLambdaWouldNotTakeIsNotInvoked(t *testing.T) {
	got := localWith(t, "{", nil, "invoke", "-")
	got.mustExit(t, exitUsage)
	mustContain(t, got.stderr, "not JSON")
	got = localWith(t, `"`+strings.Repeat("x", maxEvent)+`"`, nil, "invoke", "-")
	got.mustExit(t, exitUsage)
	mustContain(t, got.stderr, "over 6 MiB")
}

func TestACallersCredentialsInAnEventAreNotShown(t *testing.T) {
	event := `{"version":"2.0","requestContext":{"http":{"method":"GET"}},"rawPath":"/",
		"cookies":["session=hush","other=hush"],
		"headers":{"authorization":"Bearer hush","x-vital-api-key":"hush\"hush","accept":"*/*"},
		"multiValueHeaders":{"Authorization":["Bearer hush"]}}`
	got := localWith(t, event, nil, "invoke", "-")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, `"authorization": "****"`, `"cookies": "****"`, `"accept": "*/*"`, "HTTP 404")
	mustNotContain(t, got.stdout, "hush")
}

// stub is a function of a test's own.
type stub func(context.Context, []byte) ([]byte, error)

func (s stub) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return s(ctx, payload) }

var _ lambda.Handler = stub(nil)

func TestTheFunctionIsInvokedAsLambdaDoes(t *testing.T) {
	t.Run("with a deadline and a request ID", func(t *testing.T) {
		f := &function{timeout: time.Minute, handler: stub(func(ctx context.Context, payload []byte) ([]byte, error) {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > time.Minute || left < 50*time.Second {
				t.Errorf("%v are left", left)
			}
			if lc, ok := lambdacontext.FromContext(ctx); !ok || len(lc.AwsRequestID) != 36 {
				t.Error("there is no request ID")
			}
			return payload, nil
		})}
		if a, err := f.invoke(t.Context(), []byte("{}")); err != nil || string(a.payload) != "{}" || a.errored {
			t.Errorf("%s, %v", a.payload, err)
		}
	})
	t.Run("and killed at the deadline", func(t *testing.T) {
		f := &function{timeout: time.Millisecond, handler: stub(func(context.Context, []byte) ([]byte, error) { select {} })}
		a, err := f.invoke(t.Context(), nil)
		if err != nil || a.succeeded() {
			t.Errorf("%s, %v", a.payload, err)
		}
		mustContain(t, string(a.payload), `"errorType":"Sandbox.Timedout"`, "Task timed out after 0.00 seconds")
	})
	t.Run("and an error of any type becomes Lambda's document", func(t *testing.T) {
		f := &function{timeout: time.Minute, handler: stub(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("why") })}
		a, err := f.invoke(t.Context(), nil)
		if err != nil || !a.errored {
			t.Errorf("%s, %v", a.payload, err)
		}
		mustContain(t, string(a.payload), `"errorMessage":"why"`, `"errorType":"*errors.errorString"`)
	})
}

func TestAnAnswerOfJunctionIsShownCutAndAsText(t *testing.T) {
	for want, e := range map[string]junctiontest.Exchange{
		"(no body)":                  {},
		"(3 bytes that are no text)": {Body: []byte("\xff\xfe\xfd"), BodyBytes: 3},
		"{\n  \"a\": 1\n}":           {Body: []byte(`{"a":1}`), BodyBytes: 7},
		"<html>":                     {Body: []byte("<html>\n"), BodyBytes: 7},
		strings.Repeat("x", 100) + "… (5000 bytes)": {Body: bytes.Repeat([]byte("x"), 5000), BodyBytes: 5000},
	} {
		if got := shown(e); got != want {
			t.Errorf("shown as %q, want %q", got, want)
		}
	}
}
