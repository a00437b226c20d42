package awstest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

var now = time.Date(2026, 11, 23, 18, 12, 30, 412e6, time.UTC)

// httpAPIEvent returns the event that a request becomes.
func httpAPIEvent(t *testing.T, r *http.Request, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	return decode[events.APIGatewayV2HTTPRequest](t, string(awstest.HTTPAPIEvent(r, []byte(body), "request-1", now)))
}

func decode[T any](t *testing.T, document string) (decoded T) {
	t.Helper()
	if err := json.Unmarshal([]byte(document), &decoded); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return decoded
}

func TestARequestBecomesTheEventOfAnHTTPAPI(t *testing.T) {
	r := httptest.NewRequest("POST", "http://127.0.0.1:8080/v2/user/refresh/a%20b?timeout=30&tag=1&tag=2%262", nil)
	r.Header = http.Header{
		"User-Agent": {"test/1"}, "X-Many": {"a", "b"}, "Cookie": {"a=1; b=2", "c=3"}, "X-Forwarded-For": {"203.0.113.9"},
	}
	got := decode[map[string]any](t, string(awstest.HTTPAPIEvent(r, nil, "request-1", now)))
	trace := got["headers"].(map[string]any)["x-amzn-trace-id"].(string)
	if !regexp.MustCompile(`^Root=1-6b04820e-[0-9a-f]{24}$`).MatchString(trace) {
		t.Errorf("trace header %q", trace)
	}
	want := decode[map[string]any](t, `{
		"version": "2.0", "routeKey": "POST /v2/user/refresh/{user_id}", "pathParameters": {"user_id": "a b"},
		"rawPath": "/v2/user/refresh/a b", "rawQueryString": "timeout=30&tag=1&tag=2%262",
		"queryStringParameters": {"timeout": "30", "tag": "1,2&2"}, "cookies": ["a=1", "b=2", "c=3"],
		"headers": {
			"host": "127.0.0.1:8080", "content-length": "0", "user-agent": "test/1", "x-many": "a,b", "x-amzn-trace-id": "`+trace+`",
			"x-forwarded-for": "203.0.113.9, 192.0.2.1", "x-forwarded-port": "8080", "x-forwarded-proto": "http"
		},
		"requestContext": {
			"accountId": "123456789012", "apiId": "local", "domainName": "127.0.0.1", "domainPrefix": "127",
			"http": {"method": "POST", "path": "/v2/user/refresh/a b", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test/1"},
			"requestId": "request-1", "routeKey": "POST /v2/user/refresh/{user_id}", "stage": "$default",
			"time": "23/Nov/2026:18:12:30 +0000", "timeEpoch": 1795457550412
		},
		"isBase64Encoded": false
	}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
}

func TestARequestOfAnotherHostCameByTLS(t *testing.T) {
	r := httptest.NewRequest("GET", "https://api.example.com/", nil)
	r.RemoteAddr = "an address without a port"
	got := httpAPIEvent(t, r, "")
	want := map[string]string{
		"host": "api.example.com", "content-length": "0", "x-amzn-trace-id": got.Headers["x-amzn-trace-id"],
		"x-forwarded-for": "an address without a port", "x-forwarded-port": "443", "x-forwarded-proto": "https",
	}
	if diff := cmp.Diff(want, got.Headers); diff != "" {
		t.Errorf("the headers (-want +got):\n%s", diff)
	}
}

func TestTheRouteIsTheOneOfTheTemplate(t *testing.T) {
	for request, want := range map[string]string{
		"POST /webhooks":            "POST /webhooks",
		"GET /webhooks":             "$default",
		"POST /":                    "$default",
		"POST /v2/user/refresh/x":   "POST /v2/user/refresh/{user_id}",
		"GET /v2/user/refresh/x":    "GET /v2/user/refresh/{user_id}",
		"HEAD /v2/user/refresh/x":   "$default",
		"POST /v2/user/refresh/":    "$default",
		"POST /v2/user/refresh/x/y": "$default",
		"DELETE /v2/user/refresh/x": "$default",
	} {
		t.Run(request, func(t *testing.T) {
			method, path, _ := strings.Cut(request, " ")
			if got := httpAPIEvent(t, httptest.NewRequest(method, path, nil), "").RouteKey; got != want {
				t.Errorf("the route is %s, want %s", got, want)
			}
		})
	}
}

func TestABodyIsTextForAFewContentTypesOnly(t *testing.T) {
	for _, test := range []struct{ name, contentType, contentEncoding, body, want string }{
		{"JSON", "application/json", "", "hé", "hé"},
		{"JSON with a charset", "application/json; charset=utf-8", "", "hé", "hé"},
		{"plain text", "text/plain", "", "hé", "hé"},
		{"XML", "application/xml", "", "hé", "hé"},
		{"JavaScript", "application/javascript", "", "hé", "hé"},
		{"a form", "application/x-www-form-urlencoded", "", "hé", "aMOp"},
		{"bytes", "application/octet-stream", "", "hé", "aMOp"},
		{"a problem document", "application/problem+json", "", "hé", "aMOp"},
		{"no content type", "", "", "hé", "aMOp"},
		{"not UTF-8", "application/json", "", "\xff", "/w=="},
		{"compressed", "application/json", "gzip", "x", "eA=="},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set("Content-Type", test.contentType)
			r.Header.Set("Content-Encoding", test.contentEncoding)
			got := httpAPIEvent(t, r, test.body)
			if got.Body != test.want || got.IsBase64Encoded != (test.want != test.body) {
				t.Errorf("the body is %q, in base64: %v; want %q", got.Body, got.IsBase64Encoded, test.want)
			}
		})
	}
}
