package handler

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Request is an HTTP request as API Gateway or a function URL hands it on.
type Request struct {
	Trigger Trigger
	Method  string
	Path    string // with whatever stage and base path stand before the route
	Query   url.Values
	Header  http.Header
	IAM     bool // API Gateway or the function URL authenticated the caller by IAM
	body    string
	base64  bool
}

// Webhook says whether the request is for the route of webhooks.
func (r *Request) Webhook() bool {
	to, _ := match(r.Path)
	return to == webhookRoute
}

// Body returns the body as it was sent.
func (r *Request) Body() ([]byte, error) {
	if !r.base64 {
		return []byte(r.body), nil
	}
	return base64.StdEncoding.DecodeString(r.body)
}

// readHTTP decodes an HTTP event of either payload version.
func readHTTP(trigger Trigger, payload []byte) (*Request, error) {
	if trigger == RESTAPI {
		return readV1(payload)
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, result.Fail(result.InvalidRequest, "the event is not API Gateway's payload 2.0")
	}
	r := &Request{
		Trigger: trigger, Method: e.RequestContext.HTTP.Method, Path: e.RawPath,
		Header: http.Header{}, body: e.Body, base64: e.IsBase64Encoded,
	}
	if r.Path == "" {
		r.Path = e.RequestContext.HTTP.Path
	}
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
	return r, nil
}

func readV1(payload []byte) (*Request, error) {
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, result.Fail(result.InvalidRequest, "the event is not API Gateway's payload 1.0")
	}
	r := &Request{
		Trigger: RESTAPI, Method: e.RequestContext.HTTPMethod, Path: e.Path,
		Query:  values(e.MultiValueQueryStringParameters, e.QueryStringParameters),
		Header: http.Header{}, body: e.Body, base64: e.IsBase64Encoded,
		// Only the IAM authorizer fills both; what a Lambda authorizer says is elsewhere.
		IAM: e.RequestContext.Identity.AccessKey != "" && e.RequestContext.Identity.UserArn != "",
	}
	if r.Path == "" {
		r.Path = e.RequestContext.Path
	}
	for name, all := range values(e.MultiValueHeaders, e.Headers) {
		for _, value := range all {
			r.Header.Add(name, value)
		}
	}
	return r, nil
}

// values joins API Gateway's two maps of the same names, of which the one with several values a name
// goes first and either may be absent.
func values(several map[string][]string, single map[string]string) url.Values {
	v := url.Values{}
	for name, value := range single {
		v.Set(name, value)
	}
	for name, all := range several {
		v[name] = all
	}
	return v
}

// The routes.
type route int

const (
	noRoute     route = iota
	mirrorRoute       // POST /v2/user/refresh/{user_id}, as Junction's own
	webhookRoute
)

// match finds the route at the end of a path: a stage, a base-path mapping and a trailing slash do
// not matter. segment is the user ID of the mirror route, still as it stands in the path.
func match(path string) (to route, segment string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if n := len(segments); n >= 4 && segments[n-4] == "v2" && segments[n-3] == "user" && segments[n-2] == "refresh" {
		return mirrorRoute, segments[n-1]
	} else if segments[n-1] == "webhooks" {
		return webhookRoute, ""
	}
	return noRoute, ""
}

// serveHTTP answers an HTTP event. It refuses a caller before it looks at anything but the headers.
func (h *Handler) serveHTTP(ctx context.Context, in invocation, payload []byte) ([]byte, error) {
	r, err := readHTTP(in.trigger, payload)
	if err != nil {
		return h.refuse(ctx, in, err)
	}
	delivery, err := h.options.Admit(ctx, r)
	if err != nil {
		return h.refuse(ctx, in, err)
	}
	to, segment := match(r.Path)
	switch {
	case to == noRoute:
		return h.refuse(ctx, in, result.Fail(result.NotFound, "there is no such route"))
	case r.Method != http.MethodPost:
		return h.refuse(ctx, in, result.Fail(result.MethodNotAllowed, "the route takes POST alone"))
	case to == mirrorRoute:
		return h.serveMirror(ctx, in, r, segment)
	}
	return h.serveWebhook(ctx, in, r, delivery)
}

// serveMirror answers the same request that Junction itself takes.
func (h *Handler) serveMirror(ctx context.Context, in invocation, r *Request, segment string) ([]byte, error) {
	id, timeout := "", h.reader.defaultTimeout
	if text, err := url.PathUnescape(segment); err == nil {
		id, _ = userID(text)
	}
	if id == "" {
		return h.refuse(ctx, in, inJunctionsShape(invalidValue("user_id is not a UUID"), "path", "user_id"))
	}
	if asked := r.Query["timeout"]; len(asked) > 0 {
		var err error
		if timeout, err = seconds(asked[len(asked)-1]); err != nil {
			return h.refuse(ctx, in, inJunctionsShape(result.AsFailure(err), "query", "timeout"))
		}
	}
	d, budget := document{userIDs: []string{id}, timeout: timeout}, in.budget(h.gatewayWaits(in.trigger))
	if asked := prefersAsync(r.Header); h.queues(d, asked) {
		answer, _, err := h.queueHTTP(ctx, in, d, budget, asked)
		return answer, err
	}
	return httpAnswer(h.refreshAll(ctx, in, d, budget)[0])
}

// inJunctionsShape adds the detail that Junction's own 422 has, which its SDKs decode.
func inJunctionsShape(f *result.Failure, where, name string) *result.Failure {
	f.Detail, _ = json.Marshal([]map[string]any{{"loc": []string{where, name}, "msg": f.Message, "type": "value_error"}})
	return f
}

// serveWebhook answers a refresh document, an app's own webhook or one of Junction's.
func (h *Handler) serveWebhook(ctx context.Context, in invocation, r *Request, delivery string) ([]byte, error) {
	body, err := r.Body()
	if err != nil {
		return h.refuse(ctx, in, result.Fail(result.InvalidRequest, "the body is not the base64 that the event says it is"))
	}
	d, err := h.reader.read(body, hasSvix(r.Header))
	if err != nil {
		return h.refuse(ctx, in, err)
	}
	if d.ignored {
		return httpAnswer(h.refreshAll(ctx, in, d, refresh.Budget{})[0])
	}
	return h.once(ctx, delivery, func() ([]byte, bool, error) {
		waits := webhookWaits
		if gateway := h.gatewayWaits(in.trigger); gateway > 0 {
			waits = min(waits, gateway)
		}
		budget := in.budget(waits)
		if h.queues(d, true) {
			return h.queueHTTP(ctx, in, d, budget, prefersAsync(r.Header))
		}
		results := h.refreshAll(ctx, in, d, budget)
		answer, err := httpAnswer(results[0])
		if d.many {
			answer, err = manyAnswer(results)
		}
		return answer, settled(results), err
	})
}

// hasSvix says whether a request came with the headers that Junction's webhooks have.
func hasSvix(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "Svix-") {
			return true
		}
	}
	return false
}
