package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/secret"
)

// httpEvent is an HTTP event whose body may be signed. Everything but its signature stays as it is.
type httpEvent struct {
	keys              map[string]json.RawMessage
	headers           map[string]string
	multiValueHeaders map[string][]string // a REST API's
}

// parseHTTPEvent decodes an HTTP event of API Gateway or of a function URL; ok is false for anything else.
func parseHTTPEvent(raw []byte) (e httpEvent, ok bool) {
	var known struct {
		RequestContext struct {
			HTTP       *json.RawMessage `json:"http"`
			HTTPMethod *string          `json:"httpMethod"`
		} `json:"requestContext"`
		Headers           map[string]string   `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	}
	if json.Unmarshal(raw, &known) != nil || json.Unmarshal(raw, &e.keys) != nil {
		return httpEvent{}, false
	}
	e.headers, e.multiValueHeaders = known.Headers, known.MultiValueHeaders
	return e, known.RequestContext.HTTP != nil || known.RequestContext.HTTPMethod != nil
}

// body returns the body as it was sent.
func (e httpEvent) body() ([]byte, error) {
	var text string
	var inBase64 bool
	if raw := e.keys["body"]; raw != nil && json.Unmarshal(raw, &text) != nil {
		return nil, usagef("the event's body is not a string")
	}
	if raw := e.keys["isBase64Encoded"]; raw != nil && json.Unmarshal(raw, &inBase64) != nil {
		return nil, usagef("the event's isBase64Encoded is not true or false")
	}
	if !inBase64 {
		return []byte(text), nil
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, usagef("the event's body is not base64, although isBase64Encoded is true")
	}
	return body, nil
}

// family returns the family of the event's own signature headers, or "" if it has none.
func (e httpEvent) family() string {
	families := map[string]bool{}
	for name := range e.headers {
		families[familyOf(name)] = true
	}
	for name := range e.multiValueHeaders {
		families[familyOf(name)] = true
	}
	switch {
	case families["svix"]:
		return "svix"
	case families["webhook"]:
		return "webhook"
	}
	return ""
}

// familyOf returns the family of a header that signs a webhook, or "" for any other header.
func familyOf(name string) string {
	family, part, _ := strings.Cut(strings.ToLower(name), "-")
	if (family == "svix" || family == "webhook") && (part == "id" || part == "timestamp" || part == "signature") {
		return family
	}
	return ""
}

// withSignature returns the event with these headers in place of those of its signature.
func (e httpEvent) withSignature(signed map[string]string) []byte {
	headers, multiValueHeaders := map[string]string{}, map[string][]string{}
	for name, value := range e.headers {
		if familyOf(name) == "" {
			headers[name] = value
		}
	}
	for name, values := range e.multiValueHeaders {
		if familyOf(name) == "" {
			multiValueHeaders[name] = values
		}
	}
	for name, value := range signed {
		headers[name], multiValueHeaders[name] = value, []string{value}
	}
	e.keys["headers"] = encode(headers)
	if e.multiValueHeaders != nil {
		e.keys["multiValueHeaders"] = encode(multiValueHeaders)
	}
	return encode(e.keys)
}

// signAgain returns an HTTP event with a new signature, of a secret that callerAuth gives the function.
func signAgain(c *console, g *Globals, event []byte) ([]byte, error) {
	e, ok := parseHTTPEvent(event)
	if !ok {
		return nil, usagef("--sign is for HTTP events; no other event is signed")
	}
	body, err := e.body()
	if err != nil {
		return nil, err
	}
	key := g.WebhookSecret
	if own, err := secret.ParseBundle(c.environ["JUNCTION_API_KEY"]); g.Live && key.Empty() && err == nil && len(own.WebhookSecrets) > 0 {
		key = own.WebhookSecrets[0]
	}
	signed, err := signNow(c, key, e.family(), "", body)
	if err != nil {
		return nil, err
	}
	return e.withSignature(signed), nil
}
