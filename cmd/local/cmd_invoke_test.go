package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestEachEventInTheRepositoryIsServed(t *testing.T) {
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
			switch filepath.Base(file) {
			case "all-users.json":
				args = append(args, "--queue", "--config", "FOLLOW_UP=off")
			case "sqs-follow-up.json": // without a queue there is nobody to look again
				args = append(args, "--queue")
			}
			got := local(t, args...)
			got.mustExit(t, exitOK)
			mustContain(t, got.stdout, "What came in, trigger ", "What was sent to Junction", "What came back")
		})
	}
}

func TestTheExitStatusTellsWhetherTheSenderWasServed(t *testing.T) {
	batch := awstest.SQSBatch(`{"user_id":"` + junctiontest.DefaultUserID + `"}`)
	for _, test := range []struct {
		name, event string
		flags       []string
		status      int
		want        string // on standard output
	}{
		{"completed", `{"client_user_id":"app-user-completed"}`, nil, exitOK, `"status": "completed"`},
		{"in progress", `{"client_user_id":"app-user-slow"}`, nil, exitOK, `"status": "in_progress"`},
		{"ignored", `{"source":"junction.refresh","detail-type":"x","detail":{}}`, nil, exitOK, `"status": "ignored"`},
		{"a failed result", `{"client_user_id":"app-user-without-sources"}`, nil, exitFailed, "no_connected_sources"},
		{"an event that is not an object", `[1]`, nil, exitFailed, "the event is not a JSON object"},
		{"a Lambda error", `{"client_user_id":"app-user-completed"}`, []string{"--fault", "429"}, exitFailed, `"errorType": "RateLimited"`},
		{"too little time", `{"client_user_id":"app-user-completed"}`, []string{"--lambda-timeout", "6s"}, exitFailed, `"errorType": "InsufficientTime"`},
		{"one failed user among several", `{"user_ids":["` + junctiontest.DefaultUserID + `","` + junctiontest.UnknownUserID + `"]}`, nil, exitFailed, `"failed": 1`},
		{"a processed message", batch, nil, exitOK, `"batchItemFailures": []`},
		{"a message to be retried", batch, []string{"--fault", "429"}, exitFailed, `"itemIdentifier": "m0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, test.event, nil, append([]string{"invoke", "-", "--speed", "100000"}, test.flags...)...)
			got.mustExit(t, test.status)
			mustContain(t, got.stdout, test.want)
		})
	}
}

func TestJSONPrintsOnlyTheAnswer(t *testing.T) {
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

func TestAnEventThatLambdaRefusesIsNotInvoked(t *testing.T) {
	got := localWith(t, "{", nil, "invoke", "-")
	got.mustExit(t, exitUsage)
	mustContain(t, got.stderr, "not JSON")
	got = localWith(t, `"`+strings.Repeat("x", maxEvent)+`"`, nil, "invoke", "-")
	got.mustExit(t, exitUsage)
	mustContain(t, got.stderr, "over 6 MiB")
}

func TestTheCallersCredentialsAreNotPrinted(t *testing.T) {
	r := httptest.NewRequest("GET", "https://api.example.com/other", nil)
	r.Header = http.Header{"Authorization": {"Bearer hush"}, "X-Vital-Api-Key": {`hush"hush`}, "Accept": {"*/*"}, "Cookie": {"session=hush; other=hush"}}
	for _, test := range []struct {
		name, event string
		masked      []string
	}{
		{"of an HTTP API", string(awstest.HTTPAPIEvent(r, nil, "request-1", time.Now())),
			[]string{`"authorization": "****"`, `"x-vital-api-key": "****"`, `"cookies": "****"`, `"accept": "*/*"`}},
		{"of a REST API", awstest.Request{Method: "GET", Path: "/other", Header: r.Header}.RESTAPI(),
			[]string{`"Authorization": "****"`, `"X-Vital-Api-Key": "****"`, `"Cookie": "****"`, `"Accept": "*/*"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := localWith(t, test.event, nil, "invoke", "-")
			got.mustExit(t, exitFailed)
			mustContain(t, got.stdout, append(test.masked, "HTTP 404")...)
			mustNotContain(t, got.stdout, "hush")
		})
	}
}

// stub is a lambda.Handler.
type stub func(context.Context, []byte) ([]byte, error)

func (s stub) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return s(ctx, payload) }

func TestALongOrBinaryBodyIsNotPrintedWhole(t *testing.T) {
	for want, e := range map[string]junctiontest.Exchange{
		"(no body)":                   {},
		"(3 bytes that are not text)": {Body: []byte("\xff\xfe\xfd"), BodyBytes: 3},
		"{\n  \"a\": 1\n}":            {Body: []byte(`{"a":1}`), BodyBytes: 7},
		"<html>":                      {Body: []byte("<html>\n"), BodyBytes: 7},
		strings.Repeat("x", 100) + "… (5000 bytes)": {Body: bytes.Repeat([]byte("x"), 5000), BodyBytes: 5000},
	} {
		t.Run(want, func(t *testing.T) {
			if got := bodyText(e); got != want {
				t.Errorf("printed as %q, want %q", got, want)
			}
		})
	}
}
