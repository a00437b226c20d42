package awstest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// The domain names that tell who received a request.
const (
	httpAPIDomain     = "a1b2c3d4e5.execute-api." + Region + ".amazonaws.com"
	functionURLDomain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url." + Region + ".on.aws"
)

// IAMUser is the ARN of the caller of a Request with IAM.
const IAMUser = "arn:aws:iam::" + AccountID + ":user/caller"

// Request describes an HTTP request. Its methods return the event that the function receives if the
// request is made to an HTTP API, a function URL or a REST API. Nothing is added to the headers, and the
// path stays as it is: for an event that is made of a real request see HTTPAPIEvent.
type Request struct {
	Method string      // "" is POST
	Path   string      // with the query, if there is one: "/webhooks?timeout=30"
	Header http.Header // the names as the caller spells them
	Body   string
	Base64 bool // the event has the body in base64

	IAM    bool           // the caller was authenticated by IAM, as IAMUser
	Lambda map[string]any // what a Lambda authorizer says about the caller
}

// HTTPAPI returns an API Gateway HTTP API's event, payload 2.0.
func (r Request) HTTPAPI() string { return string(encode(r.payload2(httpAPIDomain))) }

// FunctionURL returns a Lambda function URL's event, payload 2.0.
func (r Request) FunctionURL() string { return string(encode(r.payload2(functionURLDomain))) }

func (r Request) payload2(domain string) payload2 {
	path, query, _ := strings.Cut(r.Path, "?")
	var e payload2
	e.Version, e.RouteKey = "2.0", "$default"
	e.RawPath, e.RawQueryString = path, query
	e.QueryStringParameters = joinedQuery(query)
	e.Headers = joinedHeaders(r.Header)
	e.Body, e.IsBase64Encoded = r.body(), r.Base64

	e.RequestContext.AccountID, e.RequestContext.Stage, e.RequestContext.RouteKey = AccountID, "$default", "$default"
	e.RequestContext.DomainName = domain
	e.RequestContext.DomainPrefix, _, _ = strings.Cut(domain, ".")
	e.RequestContext.APIID = e.RequestContext.DomainPrefix
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = r.method(), path
	if r.IAM || r.Lambda != nil {
		e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: r.Lambda}
	}
	if r.IAM {
		e.RequestContext.Authorizer.IAM = &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{
			AccessKey: accessKey, AccountID: AccountID, UserARN: IAMUser,
		}
	}
	return e
}

// RESTAPI returns an API Gateway REST API's event, payload 1.0, of a stage named prod.
func (r Request) RESTAPI() string {
	path, query, _ := strings.Cut(r.Path, "?")
	values, _ := url.ParseQuery(query) // what cannot be parsed is left out
	e := events.APIGatewayProxyRequest{
		Resource: "/{proxy+}", Path: path, HTTPMethod: r.method(),
		Headers: lastOf(r.Header), MultiValueHeaders: r.Header,
		QueryStringParameters: lastOf(values), MultiValueQueryStringParameters: values,
		Body: r.body(), IsBase64Encoded: r.Base64,
	}
	e.RequestContext.AccountID, e.RequestContext.Stage = AccountID, "prod"
	e.RequestContext.HTTPMethod, e.RequestContext.Path = r.method(), "/prod"+path
	e.RequestContext.Authorizer = r.Lambda
	if r.IAM {
		e.RequestContext.Identity.AccessKey, e.RequestContext.Identity.UserArn = accessKey, IAMUser
	}
	return string(encode(e))
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodPost
	}
	return r.Method
}

func (r Request) body() string {
	if r.Base64 {
		return base64.StdEncoding.EncodeToString([]byte(r.Body))
	}
	return r.Body
}

// joinedHeaders returns headers as payload 2.0 has them: names in lower case, the values of one name
// joined by commas.
func joinedHeaders(header http.Header) map[string]string {
	joined := make(map[string]string, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		lower := strings.ToLower(name)
		if before, ok := joined[lower]; ok { // two spellings of one name
			joined[lower] = before + "," + strings.Join(header[name], ",")
		} else {
			joined[lower] = strings.Join(header[name], ",")
		}
	}
	return joined
}

// joinedQuery returns a query as payload 2.0 has it: the values of one name joined by commas.
func joinedQuery(raw string) map[string]string {
	values, _ := url.ParseQuery(raw) // what cannot be parsed is left out
	joined := make(map[string]string, len(values))
	for name, all := range values {
		joined[name] = strings.Join(all, ",")
	}
	return joined
}

// lastOf returns the last value of each name, as payload 1.0 has it in addition to the lists of all values.
func lastOf(values map[string][]string) map[string]string {
	last := make(map[string]string, len(values))
	for name, all := range values {
		last[name] = all[len(all)-1]
	}
	return last
}
