package handler

import (
	"encoding/json"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// recognise decides what sent an event from a few keys that only that sender's events have, in this fixed
// order. It never tries decoders until one fits.
func recognise(payload []byte) (document.Trigger, document.Object, error) {
	event, ok := document.ParseObject(payload)
	if !ok {
		return document.Direct, nil, result.Fail(result.InvalidRequest, "the event is not a JSON object")
	}
	request := event.Object("requestContext")
	switch {
	case event.Has("methodArn") || event.Has("routeArn"):
		return document.Direct, nil, unsupported("an API Gateway authorizer")
	case request.Has("elb"):
		return document.Direct, nil, unsupported("a load balancer")
	case request.Has("connectionId"):
		return document.Direct, nil, unsupported("an API Gateway WebSocket")
	case event.Text("version") == "2.0" && request.Has("http"):
		if strings.Contains(request.Text("domainName"), ".lambda-url.") {
			return document.FunctionURL, event, nil
		}
		return document.HTTPAPI, event, nil
	case request.Has("httpMethod"):
		return document.RESTAPI, event, nil
	case event.IsEnvelope():
		return document.EventBridge, event, nil
	case event.Has("Records"):
		return recogniseRecords(event)
	}
	return document.Direct, event, nil
}

// recogniseRecords accepts records from SQS and refuses those from other services.
func recogniseRecords(event document.Object) (document.Trigger, document.Object, error) {
	var records []document.Object
	if json.Unmarshal(event["Records"], &records) != nil || len(records) == 0 {
		return document.Direct, nil, unsupported("a service that sends no record in its Records")
	}
	for _, record := range records {
		if source := record.Text("eventSource"); source != "aws:sqs" {
			f := unsupported("a service other than SQS")
			f.Shown = "the event's Records are from " + document.Shorten(source+record.Text("EventSource")) + ", not from aws:sqs"
			return document.Direct, nil, f
		}
	}
	return document.SQS, event, nil
}

func unsupported(sender string) *result.Failure {
	return result.Fail(result.InvalidRequest, "the event is from "+sender+", which this function does not support")
}
