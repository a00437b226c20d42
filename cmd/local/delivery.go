package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/secret"
)

// delivery is an HTTP event whose body somebody may have signed. All else of it stays as it is.
type delivery struct {
	event    map[string]json.RawMessage
	single   map[string]string
	multiple map[string][]string // a REST API's
}

// asDelivery decodes an HTTP event of API Gateway's or a function URL's; ok is false for anything else.
func asDelivery(raw []byte) (d delivery, ok bool) {
	var context struct {
		RequestContext struct {
			HTTP       *json.RawMessage `json:"http"`
			HTTPMethod *string          `json:"httpMethod"`
		} `json:"requestContext"`
		Headers           map[string]string   `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	}
	if json.Unmarshal(raw, &context) != nil || json.Unmarshal(raw, &d.event) != nil {
		return delivery{}, false
	}
	d.single, d.multiple = context.Headers, context.MultiValueHeaders
	return d, context.RequestContext.HTTP != nil || context.RequestContext.HTTPMethod != nil
}

// body is the body as it was sent.
func (d delivery) body() ([]byte, error) {
	var text string
	var inBase64 bool
	if raw := d.event["body"]; raw != nil && json.Unmarshal(raw, &text) != nil {
		return nil, usagef("the event's body is no text")
	}
	if raw := d.event["isBase64Encoded"]; raw != nil && json.Unmarshal(raw, &inBase64) != nil {
		return nil, usagef("the event's isBase64Encoded is neither true nor false")
	}
	if !inBase64 {
		return []byte(text), nil
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, usagef("the event's body is not the base64 that the event says it is")
	}
	return body, nil
}

// familyOr returns the family that is asked for, else that of the event's own headers; "" for none.
func (d delivery) familyOr(asked string) string {
	if asked != "" {
		return asked
	}
	families := map[string]bool{}
	for name := range d.single {
		families[familyOf(name)] = true
	}
	for name := range d.multiple {
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

// familyOf is the family that a header of a signed webhook is of; "" for any other header.
func familyOf(name string) string {
	family, part, _ := strings.Cut(strings.ToLower(name), "-")
	if (family == "svix" || family == "webhook") && (part == "id" || part == "timestamp" || part == "signature") {
		return family
	}
	return ""
}

// signedWith returns the event with these headers in place of those of its signature.
func (d delivery) signedWith(signed map[string]string) []byte {
	single, multiple := map[string]string{}, map[string][]string{}
	for name, value := range d.single {
		if familyOf(name) == "" {
			single[name] = value
		}
	}
	for name, values := range d.multiple {
		if familyOf(name) == "" {
			multiple[name] = values
		}
	}
	for name, value := range signed {
		single[name], multiple[name] = value, []string{value}
	}
	d.event["headers"] = encode(single)
	if d.multiple != nil {
		d.event["multiValueHeaders"] = encode(multiple)
	}
	return encode(d.event)
}

// resigned returns an HTTP event with its body signed now, with a secret that guarded has the function
// take.
func resigned(c *console, g *Globals, event []byte) ([]byte, error) {
	d, ok := asDelivery(event)
	if !ok {
		return nil, usagef("--sign is for HTTP events: of the others none is signed")
	}
	body, err := d.body()
	if err != nil {
		return nil, err
	}
	key := g.WebhookSecret
	if own, err := secret.ParseBundle(c.environ["JUNCTION_API_KEY"]); g.Live && key.Empty() && err == nil && len(own.WebhookSecrets) > 0 {
		key = own.WebhookSecrets[0]
	}
	signed, err := signNow(c, key, d.familyOr(""), "", body)
	if err != nil {
		return nil, err
	}
	return d.signedWith(signed), nil
}
