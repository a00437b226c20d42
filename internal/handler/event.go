package handler

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Trigger is what invoked the function.
type Trigger string

// The triggers, as the log and the metrics name them.
const (
	HTTPAPI     Trigger = "http-api"     // API Gateway HTTP API, payload 2.0
	RESTAPI     Trigger = "rest-api"     // API Gateway REST API, payload 1.0
	FunctionURL Trigger = "function-url" // Lambda function URL, payload 2.0
	EventBridge Trigger = "eventbridge"  // EventBridge rule
	SQS         Trigger = "sqs"
	Direct      Trigger = "direct" // direct call, EventBridge Scheduler, Step Functions
)

// known says whether it is one of the triggers.
func (t Trigger) known() bool {
	return t.http() || t == EventBridge || t == SQS || t == Direct
}

// http says whether the trigger waits for an HTTP response.
func (t Trigger) http() bool { return t == HTTPAPI || t == RESTAPI || t == FunctionURL }

// object is a JSON object whose values are not looked at yet. Its keys are exact: encoding/json would
// match the fields of a struct in any case.
type object map[string]json.RawMessage

// parseObject decodes a JSON object; ok is false for anything else, null too.
func parseObject(raw []byte) (o object, ok bool) {
	return o, json.Unmarshal(raw, &o) == nil && o != nil
}

// has says whether there is a value other than null.
func (o object) has(key string) bool {
	raw, ok := o[key]
	return ok && string(raw) != "null"
}

// text returns a string value; "" where there is none.
func (o object) text(key string) (s string) {
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// object returns an object value; nil where there is none.
func (o object) object(key string) object {
	child, _ := parseObject(o[key])
	return child
}

// recognise decides what sent an event from a few keys that only that sender's events have, in this
// fixed order. No decoder is tried until one fits.
func recognise(payload []byte) (Trigger, object, error) {
	event, ok := parseObject(payload)
	if !ok {
		return Direct, nil, result.Fail(result.InvalidRequest, "the event is no JSON object")
	}
	request := event.object("requestContext")
	switch {
	case event.has("methodArn") || event.has("routeArn"):
		return Direct, nil, unsupported("an API Gateway authorizer's")
	case request.has("elb"):
		return Direct, nil, unsupported("a load balancer's")
	case request.has("connectionId"):
		return Direct, nil, unsupported("an API Gateway WebSocket's")
	case event.text("version") == "2.0" && request.has("http"):
		if strings.Contains(request.text("domainName"), ".lambda-url.") {
			return FunctionURL, event, nil
		}
		return HTTPAPI, event, nil
	case request.has("httpMethod"):
		return RESTAPI, event, nil
	case isEnvelope(event):
		return EventBridge, event, nil
	case event.has("Records"):
		return recogniseRecords(event)
	}
	return Direct, event, nil
}

// isEnvelope says whether an object is an EventBridge event.
func isEnvelope(o object) bool { return o.has("detail-type") && o.has("source") }

// recogniseRecords takes SQS's records and refuses those of other services.
func recogniseRecords(event object) (Trigger, object, error) {
	var records []object
	if json.Unmarshal(event["Records"], &records) != nil || len(records) == 0 {
		return Direct, nil, unsupported("one without a record in its Records, and so no queue's")
	}
	for _, record := range records {
		if source := record.text("eventSource"); source != "aws:sqs" {
			f := unsupported("another service's than a queue's")
			f.Shown = "the event's Records are of " + quote(source+record.text("EventSource")) + ", and not of aws:sqs"
			return Direct, nil, f
		}
	}
	return SQS, event, nil
}

func unsupported(whose string) *result.Failure {
	return result.Fail(result.InvalidRequest, "the event is "+whose+", which this function does not serve")
}

// seen names the keys of an object, for the one who sent it: bounded, and never logged.
func (o object) seen() string {
	if len(o) == 0 {
		return "no key"
	}
	keys := slices.Sorted(maps.Keys(o))
	if len(keys) > 10 {
		keys = append(keys[:10], "…")
	}
	for i := range keys {
		keys[i] = quote(keys[i])
	}
	return strings.Join(keys, ", ")
}

// quote bounds a word of the caller's.
func quote(word string) string {
	if len(word) > 40 {
		word = strings.ToValidUTF8(word[:40], "") + "…"
	}
	return word
}
