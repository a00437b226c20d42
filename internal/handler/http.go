package handler

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Request is an HTTP request as API Gateway or a function URL passes it on.
type Request struct {
	Method  string
	Header  http.Header
	Query   url.Values
	Webhook bool // the request is for the webhook route
	IAM     bool // API Gateway or the function URL authenticated the caller with IAM

	route   route
	segment string // the user ID in the path of the refresh route, still escaped
	body    string
	base64  bool
}

// Body returns the body as it was sent.
func (r *Request) Body() ([]byte, error) {
	if !r.base64 {
		return []byte(r.body), nil
	}
	return base64.StdEncoding.DecodeString(r.body)
}

// readHTTP decodes an HTTP event of either payload version, and finds its route.
func readHTTP(trigger document.Trigger, payload []byte) (*Request, error) {
	read := readV2
	if trigger == document.RESTAPI {
		read = readV1
	}
	r, path, err := read(payload)
	if err != nil {
		return nil, err
	}
	r.route, r.segment = match(path)
	r.Webhook = r.route == webhookRoute
	return r, nil
}

func readV2(payload []byte) (r *Request, path string, err error) {
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, "", result.Fail(result.InvalidRequest, "the event is not API Gateway's payload 2.0")
	}
	r = &Request{Method: e.RequestContext.HTTP.Method, Header: http.Header{}, body: e.Body, base64: e.IsBase64Encoded}
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	if a := e.RequestContext.Authorizer; a != nil && a.IAM != nil {
		r.IAM = a.IAM.AccessKey != "" && a.IAM.UserARN != ""
	}
	// What cannot be parsed of a query is left out, as servers do.
	if r.Query, _ = url.ParseQuery(e.RawQueryString); len(r.Query) == 0 {
		r.Query = values(nil, e.QueryStringParameters)
	}
	return r, cmp.Or(e.RawPath, e.RequestContext.HTTP.Path), nil
}

func readV1(payload []byte) (r *Request, path string, err error) {
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, "", result.Fail(result.InvalidRequest, "the event is not API Gateway's payload 1.0")
	}
	r = &Request{
		Method: e.RequestContext.HTTPMethod,
		Query:  values(e.MultiValueQueryStringParameters, e.QueryStringParameters),
		Header: http.Header{}, body: e.Body, base64: e.IsBase64Encoded,
		// Only the IAM authorizer fills both; the context of a Lambda authorizer is elsewhere.
		IAM: e.RequestContext.Identity.AccessKey != "" && e.RequestContext.Identity.UserArn != "",
	}
	for name, several := range values(e.MultiValueHeaders, e.Headers) {
		for _, value := range several {
			r.Header.Add(name, value)
		}
	}
	return r, cmp.Or(e.Path, e.RequestContext.Path), nil
}

// values joins API Gateway's two maps of the same names. The one with several values per name has
// precedence, and either may be absent.
func values(several map[string][]string, single map[string]string) url.Values {
	v := url.Values{}
	for name, value := range single {
		v.Set(name, value)
	}
	maps.Copy(v, several)
	return v
}

type route int

const (
	noRoute      route = iota
	refreshRoute       // POST /v2/user/refresh/{user_id}, as Junction's own, and GET
	webhookRoute       // POST /webhooks
)

// methods lists the methods that a route allows.
func (r route) methods() string {
	if r == refreshRoute {
		return "GET, POST"
	}
	return http.MethodPost
}

// match finds the route at the end of a path: a stage, a base-path mapping and a trailing slash do not
// matter. segment is the user ID of the refresh route, still escaped.
func match(path string) (to route, segment string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if n := len(segments); n >= 4 && segments[n-4] == "v2" && segments[n-3] == "user" && segments[n-2] == "refresh" {
		return refreshRoute, segments[n-1]
	} else if segments[n-1] == "webhooks" {
		return webhookRoute, ""
	}
	return noRoute, ""
}
