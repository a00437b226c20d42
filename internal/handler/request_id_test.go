package handler_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// ownID is a document with a request ID of its own.
const ownID = `{"user_id":"` + user + `","request_id":"own-7"}`

// requestIDs returns the request IDs of the refreshes that were asked for.
func (f function) requestIDs() (ids []string) {
	for _, request := range f.refresher.asked {
		ids = append(ids, request.RequestID)
	}
	return ids
}

// wantRequestIDs invokes the function and checks the request IDs of its refreshes and of what it publishes.
func wantRequestIDs(t *testing.T, event string, published bool, want ...string) {
	t.Helper()
	b := &bus{}
	f := newFunction(withBus(b))
	f.answer(t, event)
	if diff := cmp.Diff(want, f.requestIDs()); diff != "" {
		t.Errorf("the refreshes have other request IDs (-want +got):\n%s", diff)
	}
	if !published {
		return
	}
	if len(b.events) != len(want) {
		t.Errorf("%d results are published, want %d", len(b.events), len(want))
	}
	for _, e := range b.events {
		if e.Result.RequestID != want[0] {
			t.Errorf("a result is published with the request ID %q, want %q", e.Result.RequestID, want[0])
		}
	}
}

func TestTheRequestIDIsTheDocumentsTheEventsTheMessagesOrLambdas(t *testing.T) {
	envelope := func(document string) string { return awstest.EventBridgeEvent("my.app", document) }
	for name, c := range map[string]struct{ event, want string }{
		"a direct call":                              {userDocument, "request-1"},
		"a direct call with its own":                 {ownID, "own-7"},
		"an EventBridge event":                       {envelope(userDocument), eventID},
		"an EventBridge event whose detail has one":  {envelope(ownID), "own-7"},
		"a message":                                  {awstest.SQSBatch(userDocument), "m0"},
		"a message with its own":                     {awstest.SQSBatch(ownID), "own-7"},
		"an event in a message":                      {awstest.SQSBatch(envelope(userDocument)), eventID},
		"an event in a message whose detail has one": {awstest.SQSBatch(envelope(ownID)), "own-7"},
	} {
		t.Run(name, func(t *testing.T) { wantRequestIDs(t, c.event, true, c.want) })
	}
}

func TestTheRequestIDIsNotTakenFromAnHTTPBody(t *testing.T) {
	for name, request := range map[string]awstest.Request{
		"a webhook":                       {Path: "/webhooks", Body: ownID},
		"the refresh route, with a body":  {Path: mirror, Body: ownID},
		"the refresh route, with a query": {Path: mirror + "?request_id=own-7"},
	} {
		t.Run(name, func(t *testing.T) { wantRequestIDs(t, request.HTTPAPI(), false, "request-1") })
	}
	t.Run("a webhook that is queued", func(t *testing.T) {
		q := &queue{}
		f := newFunction(withQueue(q))
		out := f.http(t, awstest.Request{Path: "/webhooks", Body: ownID}.HTTPAPI()).result(t)
		if out.RequestID != "request-1" {
			t.Errorf("the request ID is %q, want request-1", out.RequestID)
		}
		wantQueued(t, q, `{"user_id":"`+user+`","timeout":10,"trigger":"http-api","request_id":"request-1"}`)
	})
}

func TestManyUsersOfADocumentShareItsRequestID(t *testing.T) {
	const many = `{"user_ids":["` + user + `","` + other + `"],"request_id":"own-7"}`
	for trigger, event := range map[string]string{
		"direct": many, "eventbridge": awstest.EventBridgeEvent("my.app", many), "sqs": awstest.SQSBatch(many),
	} {
		t.Run(trigger, func(t *testing.T) { wantRequestIDs(t, event, true, "own-7", "own-7") })
		t.Run(trigger+" with a queue", func(t *testing.T) {
			q := &queue{}
			newFunction(withQueue(q)).answer(t, event)
			message := func(id string) string {
				return fmt.Sprintf(`{"user_id":%q,"timeout":10,"trigger":%q,"request_id":"own-7"}`, id, trigger)
			}
			wantQueued(t, q, message(user), message(other))
		})
	}
}

func TestAMessageHasTheSameRequestIDAtEachReceipt(t *testing.T) {
	f := newFunction()
	for received := range 3 {
		f.answer(t, awstest.SQSEvent(events.SQSMessage{
			MessageId: "9b1f0a52-0001", Body: userDocument,
			Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(received + 1)},
		}))
	}
	if diff := cmp.Diff([]string{"9b1f0a52-0001", "9b1f0a52-0001", "9b1f0a52-0001"}, f.requestIDs()); diff != "" {
		t.Errorf("the receipts have other request IDs (-want +got):\n%s", diff)
	}
}

func TestEachMessageOfABatchHasItsOwnRequestID(t *testing.T) {
	f := newFunction()
	f.answer(t, awstest.SQSBatch(userDocument, ownID, userDocument))
	if diff := cmp.Diff([]string{"m0", "own-7", "m2"}, f.requestIDs()); diff != "" {
		t.Errorf("the messages have other request IDs (-want +got):\n%s", diff)
	}
}

func TestATextThatCannotBeARequestIDIsNotUsed(t *testing.T) {
	for name, id := range map[string]string{
		"empty": ``, "65 letters": strings.Repeat("a", 65), "spaces": `a caller's words`, "a line break": `a\nb`, "not ASCII": `é`, "dots": `a.b`,
	} {
		document := `{"user_id":"` + user + `","request_id":"` + id + `"}`
		t.Run(name+" in a document", func(t *testing.T) { wantRequestIDs(t, document, true, "request-1") })
		t.Run(name+" in an event's detail", func(t *testing.T) {
			wantRequestIDs(t, awstest.EventBridgeEvent("my.app", document), true, eventID)
		})
		t.Run(name+" of an event", func(t *testing.T) {
			wantRequestIDs(t, `{"id":"`+id+`","detail-type":"x","source":"my.app","detail":`+userDocument+`}`, true, "request-1")
		})
		t.Run(name+" of a message", func(t *testing.T) {
			wantRequestIDs(t, `{"Records":[{"eventSource":"aws:sqs","messageId":"`+id+`","body":"{\"user_id\":\"`+user+`\"}"}]}`, true, "request-1")
		})
	}
	for name, id := range map[string]string{"a number": `7`, "an object": `{}`, "null": `null`} {
		t.Run(name+" in a document", func(t *testing.T) {
			wantRequestIDs(t, `{"user_id":"`+user+`","request_id":`+id+`}`, true, "request-1")
		})
	}
	t.Run("64 letters are one", func(t *testing.T) {
		longest := strings.Repeat("Z", 64)
		wantRequestIDs(t, `{"user_id":"`+user+`","request_id":"`+longest+`"}`, true, longest)
	})
}

func TestARefusedDocumentIsAnsweredUnderItsRequestID(t *testing.T) {
	const refused = `{"user_id":"x","request_id":"own-7"}`
	for name, event := range map[string]string{
		"direct": refused, "EventBridge": awstest.EventBridgeEvent("my.app", refused), "SQS": awstest.SQSBatch(refused),
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			newFunction(withBus(b)).answer(t, event)
			if len(b.events) != 1 || b.events[0].Result.RequestID != "own-7" {
				t.Errorf("published is %+v, want a result with the request ID own-7", b.events)
			}
		})
	}
	t.Run("not of an HTTP body", func(t *testing.T) {
		response := newFunction().http(t, awstest.Request{Path: "/webhooks", Body: refused}.HTTPAPI())
		response.wantStatus(t, http.StatusUnprocessableEntity)
		if id := response.result(t).RequestID; id != "request-1" {
			t.Errorf("the request ID is %q, want request-1", id)
		}
	})
}

func TestAnIgnoredEventIsAnsweredUnderItsRequestID(t *testing.T) {
	for name, event := range map[string]string{
		"the function's own event":  awstest.EventBridgeEvent("junction.refresh", userDocument),
		"an unlisted Junction type": awstest.EventBridgeEvent("my.app", `{"event_type":"daily.data.x","team_id":"t"}`),
	} {
		t.Run(name, func(t *testing.T) {
			if id := newFunction().result(t, event).RequestID; id != eventID {
				t.Errorf("the request ID is %q, want %s", id, eventID)
			}
		})
	}
}
