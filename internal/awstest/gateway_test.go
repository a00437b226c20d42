package awstest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// answering returns a function that always gives this answer.
func answering(answer string, err error) awstest.Function {
	return func(context.Context, []byte) ([]byte, error) { return []byte(answer), err }
}

func TestTheGatewayTurnsTheAnswerIntoAResponse(t *testing.T) {
	type response struct {
		Status                      int
		ContentType, Location, Body string
		Cookies                     []string
	}
	failed := response{Status: 500, ContentType: "application/json", Body: `{"message":"Internal Server Error"}`}
	for _, test := range []struct {
		name, answer string
		err          error
		want         response
	}{
		{"headers, cookies and base64",
			`{"statusCode":201,"headers":{"content-type":"a/b","location":"/x"},"cookies":["a=1","b=2"],"body":"/w==","isBase64Encoded":true}`, nil,
			response{Status: 201, ContentType: "a/b", Location: "/x", Body: "\xff", Cookies: []string{"a=1", "b=2"}}},
		{"no content type", `{"statusCode":200,"body":"hi"}`, nil,
			response{Status: 200, ContentType: "text/plain; charset=utf-8", Body: "hi"}},
		{"no status", `{"a":1}`, nil, response{Status: 200, ContentType: "application/json", Body: `{"a":1}`}},
		{"a Lambda error", "", errors.New("out of luck"), failed},
		{"a body that is not base64", `{"statusCode":200,"body":"?","isBase64Encoded":true}`, nil, failed},
		{"a status that HTTP does not have", `{"statusCode":7}`, nil, failed},
		{"a status that is not a number", `{"statusCode":"200"}`, nil, failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			var reported []int
			g := &awstest.Gateway{Function: answering(test.answer, test.err), OnResponse: func(_ *http.Request, status int, _ time.Time) {
				reported = append(reported, status)
			}}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequest("GET", "/x?y", nil))
			got := response{
				Status: w.Code, ContentType: w.Header().Get("Content-Type"), Location: w.Header().Get("Location"),
				Body: w.Body.String(), Cookies: w.Header()["Set-Cookie"],
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the response (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]int{test.want.Status}, reported); diff != "" {
				t.Errorf("the statuses reported (-want +got):\n%s", diff)
			}
			if w.Header().Get("Apigw-Requestid") == "" {
				t.Error("there is no request ID")
			}
		})
	}
}

func TestTheGatewayTimesOut(t *testing.T) {
	for name, test := range map[string]struct{ timeout, after time.Duration }{
		"after its own 30 s":   {0, awstest.GatewayTimeout},
		"after a time of ours": {time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &awstest.Gateway{Timeout: test.timeout, Function: func(context.Context, []byte) ([]byte, error) {
					time.Sleep(time.Minute)
					return nil, nil
				}}
				began, w := time.Now(), httptest.NewRecorder()
				g.ServeHTTP(w, httptest.NewRequest("POST", "/webhooks", nil))
				if w.Code != 503 || w.Body.String() != `{"message":"Service Unavailable"}` || time.Since(began) != test.after {
					t.Errorf("%d %s after %v", w.Code, w.Body, time.Since(began))
				}
				time.Sleep(time.Minute) // the function ends all the same
			})
		})
	}
}

func TestAClientThatDisconnectsDoesNotEndTheInvocation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := &awstest.Gateway{Function: func(ctx context.Context, _ []byte) ([]byte, error) {
		cancel()
		return []byte("{}"), ctx.Err()
	}}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("POST", "/webhooks", nil).WithContext(ctx))
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheGatewayRefusesABodyThatItCannotTake(t *testing.T) {
	for name, test := range map[string]struct {
		request *http.Request
		status  int
	}{
		"over 10 MB":             {httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 10<<20+1))), 413},
		"of a broken connection": {httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("reset"))), 400},
	} {
		t.Run(name, func(t *testing.T) {
			g := &awstest.Gateway{Function: func(context.Context, []byte) ([]byte, error) {
				t.Error("the function is invoked")
				return nil, nil
			}}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, test.request)
			if w.Code != test.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, test.status)
			}
		})
	}
}
