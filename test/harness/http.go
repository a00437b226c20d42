package harness

import (
	"net/http"
	"testing"

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
