package harness

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// Response is an HTTP answer.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Result returns the result in the answer, whose status must be the given one.
func (r Response) Result(t *testing.T, status int) Result {
	t.Helper()
	if r.Status != status || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("status is %d, want %d, of JSON: %v %s", r.Status, status, r.Header, r.Body)
	}
	return ReadResult(t, []byte(r.Body))
}

// State is what is known of a user.
type State struct {
	UserID          string           `json:"user_id"`
	Refreshing      bool             `json:"refreshing"`
	CallsInWindow   int              `json:"calls_in_window"`
	CallsLeft       *int             `json:"calls_left"`
	NextCallAt      *time.Time       `json:"next_call_at"`
	LastResult      *json.RawMessage `json:"last_result"`
	LastRefreshedAt *time.Time       `json:"last_refreshed_at"`
}

// State returns the state in the answer to a GET.
func (r Response) State(t *testing.T) State {
	t.Helper()
	if r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status is %d, want 200, of JSON that is not stored: %v %s", r.Status, r.Header, r.Body)
	}
	return Decode[State](t, []byte(r.Body))
}

// Last returns the last result, which must be valid by its schema, or nil.
func (s State) Last(t *testing.T) *Result {
	t.Helper()
	if s.LastResult == nil {
		return nil
	}
	return new(ReadResult(t, *s.LastResult))
}

// Post sends a request and returns the answer. Serve, Function.PostHTTPAPI and Function.PostRESTAPI are three
// ways to the same function.
type Post func(t *testing.T, path string, header http.Header, body string) Response

// PostHTTPAPI sends a POST through an HTTP API.
func (f *Function) PostHTTPAPI(t *testing.T, path string, header http.Header, body string) Response {
	t.Helper()
	return ReadResponse(t, f.Invoke(t, awstest.Request{Path: path, Header: header, Body: body}.HTTPAPI()))
}

// PostRESTAPI sends a POST through a REST API.
func (f *Function) PostRESTAPI(t *testing.T, path string, header http.Header, body string) Response {
	t.Helper()
	return ReadResponse(t, f.Invoke(t, awstest.Request{Path: path, Header: header, Body: body}.RESTAPI()))
}

// Get sends a GET through an HTTP API.
func (f *Function) Get(t *testing.T, path string, header http.Header) Response {
	t.Helper()
	return ReadResponse(t, f.Invoke(t, awstest.Request{Method: http.MethodGet, Path: path, Header: header}.HTTPAPI()))
}

// Serve puts an HTTP API in front of the function, and returns its URL.
func (f *Function) Serve(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(&awstest.Gateway{Function: func(_ context.Context, event []byte) ([]byte, error) { return f.Try(event) }})
	t.Cleanup(server.Close)
	return server.URL
}

// ReadResponse decodes the function's answer to an HTTP event.
func ReadResponse(t *testing.T, answer []byte) Response {
	t.Helper()
	got := Decode[struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}](t, answer)
	header := http.Header{}
	for name, value := range got.Headers {
		header.Set(name, value)
	}
	return Response{got.StatusCode, header, got.Body}
}

// RefreshPath is the route that refreshes a user.
func RefreshPath(user string) string { return "/v2/user/refresh/" + user }
