package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// eventOf is the event that a request becomes.
func eventOf(t *testing.T, r *http.Request, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	raw := newHTTPEvent(r, []byte(body), "request-1", time.Date(2026, 11, 23, 18, 12, 30, 412e6, time.UTC))
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "clientCert") {
		t.Errorf("the event speaks of mutual TLS: %s", raw)
	}
	return e
}

func TestARequestBecomesAnEventAsAnHTTPAPIMakesIt(t *testing.T) {
	r := httptest.NewRequest("POST", "http://127.0.0.1:8080/v2/user/refresh/a%20b?timeout=30&tag=1&tag=2%262", nil)
	r.Header = http.Header{
		"User-Agent": {"test/1"}, "X-Many": {"a", "b"}, "Cookie": {"a=1; b=2", "c=3"}, "X-Forwarded-For": {"203.0.113.9"},
	}
	e := eventOf(t, r, "")
	if e.Version != "2.0" || e.RouteKey != "POST /v2/user/refresh/{user_id}" || e.PathParameters["user_id"] != "a b" ||
		e.RawPath != "/v2/user/refresh/a b" || e.RawQueryString != "timeout=30&tag=1&tag=2%262" || e.Body != "" || e.IsBase64Encoded {
		t.Errorf("%+v", e)
	}
	if want := map[string]string{"timeout": "30", "tag": "1,2&2"}; !reflect.DeepEqual(e.QueryStringParameters, want) {
		t.Errorf("query %v, want %v", e.QueryStringParameters, want)
	}
	if want := []string{"a=1", "b=2", "c=3"}; !reflect.DeepEqual(e.Cookies, want) {
		t.Errorf("cookies %v, want %v", e.Cookies, want)
	}
	trace := e.Headers["x-amzn-trace-id"]
	if len(trace) != len("Root=1-6b04820e-1de4d666d4dd26aced652b6c") || !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("trace ID %q", trace)
	}
	delete(e.Headers, "x-amzn-trace-id")
	if want := map[string]string{
		"host": "127.0.0.1:8080", "content-length": "0", "user-agent": "test/1", "x-many": "a,b",
		"x-forwarded-for": "203.0.113.9, 192.0.2.1", "x-forwarded-port": "8080", "x-forwarded-proto": "http",
	}; !reflect.DeepEqual(e.Headers, want) {
		t.Errorf("headers %v, want %v", e.Headers, want)
	}
	c := e.RequestContext
	if c.HTTP.Method != "POST" || c.HTTP.Path != e.RawPath || c.HTTP.SourceIP != "192.0.2.1" || c.HTTP.UserAgent != "test/1" ||
		c.HTTP.Protocol != "HTTP/1.1" || c.RequestID != "request-1" || c.Stage != "$default" || c.RouteKey != e.RouteKey ||
		c.Time != "23/Nov/2026:18:12:30 +0000" || c.TimeEpoch != 1795457550412 || c.DomainName != "127.0.0.1" {
		t.Errorf("%+v", c)
	}
}

func TestTheRouteIsTheOneOfTheTemplateThatTakesTheRequest(t *testing.T) {
	for request, want := range map[string]string{
		"POST /webhooks": "POST /webhooks", "GET /webhooks": "$default", "POST /": "$default",
		"POST /v2/user/refresh/x": "POST /v2/user/refresh/{user_id}", "POST /v2/user/refresh/": "$default",
		"POST /v2/user/refresh/x/y": "$default", "DELETE /v2/user/refresh/x": "$default",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := eventOf(t, httptest.NewRequest(method, path, nil), "").RouteKey; got != want {
			t.Errorf("%s takes the route %s, want %s", request, got, want)
		}
	}
}

func TestABodyIsTextForAFewTypesAndElseBase64(t *testing.T) {
	for kind, isText := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "text/plain": true, "application/xml": true,
		"application/javascript": true, "application/x-www-form-urlencoded": false, "application/octet-stream": false,
		"application/problem+json": false, "": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", kind)
		e := eventOf(t, r, "hé")
		if e.IsBase64Encoded == isText || isText && e.Body != "hé" || !isText && e.Body != "aMOp" {
			t.Errorf("%q: %q, in base64: %v", kind, e.Body, e.IsBase64Encoded)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/json")
	if e := eventOf(t, r, "\xff"); e.Body != "/w==" || !e.IsBase64Encoded {
		t.Errorf("what is no UTF-8 is sent as %q", e.Body)
	}
	r.Header.Set("Content-Encoding", "gzip")
	if e := eventOf(t, r, "x"); e.Body != "eA==" {
		t.Errorf("what is compressed is sent as %q", e.Body)
	}
}
