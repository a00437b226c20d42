package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// httpEvent is payload 2.0 without mutual TLS, whose zero value aws-lambda-go would write.
type httpEvent struct {
	events.APIGatewayV2HTTPRequest
	RequestContext httpContext `json:"requestContext"`
}

type httpContext struct {
	events.APIGatewayV2HTTPRequestContext
	Authentication *struct{} `json:"authentication,omitempty"`
}

// newHTTPEvent turns a request into the event that an API Gateway HTTP API with template.yaml's routes
// makes of it. body is the request's, whole.
func newHTTPEvent(r *http.Request, body []byte, requestID string, now time.Time) []byte {
	var e httpEvent
	e.Version = "2.0"
	e.RouteKey, e.PathParameters = routeOf(r)
	e.RawPath = r.URL.Path // API Gateway decodes it (a function URL does not)
	e.RawQueryString = r.URL.RawQuery
	e.Headers, e.Cookies = headersOf(r, len(body))
	e.QueryStringParameters = joinedQuery(r.URL.RawQuery)
	e.Body, e.IsBase64Encoded = bodyOf(r, body)

	domain := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		domain = host
	}
	e.RequestContext.AccountID, e.RequestContext.APIID = "123456789012", "local"
	e.RequestContext.DomainName, e.RequestContext.DomainPrefix = domain, strings.Split(domain, ".")[0]
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = r.Method, r.URL.Path
	e.RequestContext.HTTP.Protocol = r.Proto
	e.RequestContext.HTTP.SourceIP, e.RequestContext.HTTP.UserAgent = sourceIP(r), r.UserAgent()
	e.RequestContext.RequestID, e.RequestContext.RouteKey = requestID, e.RouteKey
	e.RequestContext.Stage = "$default"
	e.RequestContext.Time = now.UTC().Format("02/Jan/2006:15:04:05 +0000")
	e.RequestContext.TimeEpoch = now.UnixMilli()
	return encode(e)
}

// encode is JSON without HTML's escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("cannot encode %T: %v", v, err)) // texts and numbers only
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// routeOf finds the route of template.yaml that takes a request.
func routeOf(r *http.Request) (key string, parameters map[string]string) {
	user, isMirror := strings.CutPrefix(r.URL.Path, "/v2/user/refresh/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/webhooks":
		return "POST /webhooks", nil
	case r.Method == http.MethodPost && isMirror && user != "" && !strings.Contains(user, "/"):
		return "POST /v2/user/refresh/{user_id}", map[string]string{"user_id": user}
	}
	return "$default", nil
}

// headersOf returns the headers in lower case, several of a name joined by commas, with those that API
// Gateway adds; and the cookies, which it takes out of them.
func headersOf(r *http.Request, length int) (headers map[string]string, cookies []string) {
	headers = map[string]string{"host": r.Host, "content-length": fmt.Sprint(length)}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(headers, "cookie")
	for _, value := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(value, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				cookies = append(cookies, cookie)
			}
		}
	}
	if before := headers["x-forwarded-for"]; before != "" {
		headers["x-forwarded-for"] = before + ", " + sourceIP(r)
	} else {
		headers["x-forwarded-for"] = sourceIP(r)
	}
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = "443", "https"
	if _, port, err := net.SplitHostPort(r.Host); err == nil { // else it is the example's
		headers["x-forwarded-port"], headers["x-forwarded-proto"] = port, "http"
	}
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = traceID(time.Now())
	}
	return headers, cookies
}

// traceID is a new X-Ray trace header.
func traceID(now time.Time) string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails
	return fmt.Sprintf("Root=1-%08x-%s", uint32(now.Unix()), hex.EncodeToString(random))
}

// joinedQuery joins the values of a name by commas.
func joinedQuery(raw string) map[string]string {
	values, _ := url.ParseQuery(raw) // what cannot be parsed is left out
	joined := make(map[string]string, len(values))
	for name, all := range values {
		joined[name] = strings.Join(all, ",")
	}
	return joined
}

// bodyOf returns the body as API Gateway hands it on: as text for these few content types, else in
// base64, also where there is no content type, and for forms. (Its documentation does not list them;
// https://github.com/ministackorg/ministack/pull/766 tried them out.) What is no UTF-8 would not
// survive as text.
func bodyOf(r *http.Request, body []byte) (text string, inBase64 bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isText := strings.HasPrefix(kind, "text/") || kind == "application/json" ||
		kind == "application/xml" || kind == "application/javascript"
	if isText && utf8.Valid(body) && r.Header.Get("Content-Encoding") == "" {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
