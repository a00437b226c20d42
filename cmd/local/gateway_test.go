package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestTheGatewayTurnsAnswersIntoResponses(t *testing.T) {
	for _, test := range []struct {
		name     string
		answer   answer
		status   int
		kind     string
		body     string
		cookies  int
		location string
	}{
		{name: "headers, cookies and base64", answer: answer{payload: []byte(
			`{"statusCode":201,"headers":{"content-type":"a/b","location":"/x"},"cookies":["a=1","b=2"],"body":"/w==","isBase64Encoded":true}`)},
			status: 201, kind: "a/b", body: "\xff", cookies: 2, location: "/x"},
		{name: "no content type is plain text", answer: answer{payload: []byte(`{"statusCode":200,"body":"hi"}`)},
			status: 200, kind: "text/plain; charset=utf-8", body: "hi"},
		{name: "an answer without a status is the body", answer: answer{payload: []byte(`{"a":1}`)}, status: 200, kind: "application/json", body: `{"a":1}`},
		{name: "a Lambda error", answer: answer{payload: []byte(`{"errorType":"x"}`), errored: true}, status: 500, kind: "application/json", body: `{"message":"Internal Server Error"}`},
		{name: "a body that is not base64", answer: answer{payload: []byte(`{"statusCode":200,"body":"?","isBase64Encoded":true}`)},
			status: 500, kind: "application/json", body: `{"message":"Internal Server Error"}`},
		{name: "a status that is none", answer: answer{payload: []byte(`{"statusCode":7}`)}, status: 500, kind: "application/json", body: `{"message":"Internal Server Error"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			g := &gateway{timeout: time.Minute, log: newScreen(&log, true), invoke: func(context.Context, []byte) (answer, error) { return test.answer, nil }}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequest("GET", "/x?y", nil))
			got := w.Result()
			if got.StatusCode != test.status || got.Header.Get("Content-Type") != test.kind || w.Body.String() != test.body ||
				len(got.Cookies()) != test.cookies || got.Header.Get("Location") != test.location {
				t.Errorf("%d %v %q", got.StatusCode, got.Header, w.Body)
			}
			if strings.Count(log.String(), "\n") != 1 {
				t.Errorf("the log has %q", log.String())
			}
		})
	}
}

func TestTheGatewayGivesUpOnASlowFunction(t *testing.T) {
	ended := make(chan struct{})
	var log bytes.Buffer
	g := &gateway{timeout: time.Millisecond, log: newScreen(&log, true), invoke: func(context.Context, []byte) (answer, error) {
		<-ended
		return answer{}, errors.New("late")
	}}
	defer close(ended)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("POST", "/webhooks", nil))
	if w.Code != 503 || w.Body.String() != `{"message":"Service Unavailable"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAClientThatLeavesDoesNotEndTheInvocation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := &gateway{timeout: time.Minute, log: newScreen(io.Discard, true), invoke: func(ctx context.Context, _ []byte) (answer, error) {
		cancel()
		return answer{payload: []byte("{}")}, ctx.Err()
	}}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("POST", "/webhooks", nil).WithContext(ctx))
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
