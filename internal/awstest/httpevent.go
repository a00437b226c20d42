package awstest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// payload2 is an event of payload 2.0 without the client certificate of mutual TLS, which aws-lambda-go's
// type always writes.
type payload2 struct {
	events.APIGatewayV2HTTPRequest
	RequestContext payload2Context `json:"requestContext"`
}

type payload2Context struct {
	events.APIGatewayV2HTTPRequestContext
	Authentication *struct{} `json:"authentication,omitempty"`
}

// HTTPAPIEvent returns the event, payload 2.0, that an API Gateway HTTP API with template.yaml's routes
// makes of a request. body is the whole body of r, which has been read already.
func HTTPAPIEvent(r *http.Request, body []byte, requestID string, now time.Time) []byte {
	var e payload2
	e.Version = "2.0"
	e.RouteKey, e.PathParameters = route(r)
	e.RawPath = r.URL.Path // API Gateway decodes it; a function URL does not
	e.RawQueryString = r.URL.RawQuery
	e.Headers, e.Cookies = headersAndCookies(r, len(body), now)
	e.QueryStringParameters = joinedQuery(r.URL.RawQuery)
	e.Body, e.IsBase64Encoded = encodedBody(r, body)

	domain := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		domain = host
	}
	e.RequestContext.AccountID, e.RequestContext.APIID = AccountID, "local"
	e.RequestContext.DomainName = domain
	e.RequestContext.DomainPrefix, _, _ = strings.Cut(domain, ".")
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = r.Method, r.URL.Path
	e.RequestContext.HTTP.Protocol = r.Proto
	e.RequestContext.HTTP.SourceIP, e.RequestContext.HTTP.UserAgent = sourceIP(r), r.UserAgent()
	e.RequestContext.RequestID, e.RequestContext.RouteKey = requestID, e.RouteKey
	e.RequestContext.Stage = "$default"
	e.RequestContext.Time = now.UTC().Format("02/Jan/2006:15:04:05 +0000")
	e.RequestContext.TimeEpoch = now.UnixMilli()
	return encode(e)
}

// route returns the route of template.yaml that takes a request.
func route(r *http.Request) (key string, parameters map[string]string) {
	user, isMirror := strings.CutPrefix(r.URL.Path, "/v2/user/refresh/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/webhooks":
		return "POST /webhooks", nil
	case (r.Method == http.MethodPost || r.Method == http.MethodGet) && isMirror && user != "" && !strings.Contains(user, "/"):
		return r.Method + " /v2/user/refresh/{user_id}", map[string]string{"user_id": user}
	}
	return "$default", nil
}

// headersAndCookies returns the headers, those that API Gateway adds among them, and the cookies, which it
// takes out of the headers. length is that of the body.
func headersAndCookies(r *http.Request, length int, now time.Time) (headers map[string]string, cookies []string) {
	headers = joinedHeaders(r.Header)
	headers["host"] = r.Host
	if headers["content-length"] == "" {
		headers["content-length"] = fmt.Sprint(length)
	}
	delete(headers, "cookie")
	for _, value := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(value, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				cookies = append(cookies, cookie)
			}
		}
	}
	if earlier := headers["x-forwarded-for"]; earlier != "" {
		headers["x-forwarded-for"] = earlier + ", " + sourceIP(r)
	} else {
		headers["x-forwarded-for"] = sourceIP(r)
	}
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = "443", "https"
	if _, port, err := net.SplitHostPort(r.Host); err == nil { // this machine's own server
		headers["x-forwarded-port"], headers["x-forwarded-proto"] = port, "http"
	}
	if headers["x-amzn-trace-id"] == "" {
		headers["x-amzn-trace-id"] = newTraceHeader(now)
	}
	return headers, cookies
}

// newTraceHeader returns an X-Ray trace header with a trace of its own.
func newTraceHeader(now time.Time) string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails
	return fmt.Sprintf("Root=1-%08x-%s", now.Unix(), hex.EncodeToString(random))
}

// encodedBody returns the body as API Gateway hands it on: as text if it has one of these few content
// types, otherwise in base64. A body without a content type and a form are in base64 too. (API Gateway's
// documentation does not list the types; https://github.com/ministackorg/ministack/pull/766 tried them
// out.) What is not UTF-8 would not survive as text.
func encodedBody(r *http.Request, body []byte) (encoded string, inBase64 bool) {
	if len(body) == 0 {
		return "", false
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isText := strings.HasPrefix(mediaType, "text/") || mediaType == "application/json" ||
		mediaType == "application/xml" || mediaType == "application/javascript"
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
