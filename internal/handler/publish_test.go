package handler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// outcomes returns the statuses of published results, sorted; of a failure its code.
func outcomes(published []outbox.Event) []string {
	words := make([]string, 0, len(published))
	for _, e := range published {
		if e.Result.Status == result.Failed {
			words = append(words, string(e.Result.ErrorCode))
		} else {
			words = append(words, string(e.Result.Status))
		}
	}
	slices.Sort(words)
	return words
}

func TestFinalResultsArePublishedUnlessAnHTTPCallerHasThem(t *testing.T) {
	const (
		many     = `{"user_ids":["` + user + `","` + other + `"]}`
		ownEvent = `{"detail-type":"x","source":"junction.refresh","detail":` + userDocument + `}`
		unlisted = `{"event_type":"daily.data.x","team_id":"t","user_id":"` + user + `"}`
	)
	envelope := func(detail string) string { return awstest.EventBridgeEvent("my.app", detail) }
	webhook := func(body string) string { return awstest.Request{Path: "/webhooks", Body: body}.HTTPAPI() }
	unavailable, permanent := result.Fail(result.UpstreamUnavailable, "x"), result.Fail(result.NoConnectedSources, "x")
	for name, c := range map[string]struct {
		event string
		fails *result.Failure // for user
		want  string          // the outcomes
	}{
		"a direct call":                               {userDocument, nil, "completed"},
		"an EventBridge event":                        {envelope(userDocument), nil, "completed"},
		"a message":                                   {awstest.SQSBatch(userDocument), nil, "completed"},
		"a message's permanent failure":               {awstest.SQSBatch(userDocument), permanent, "no_connected_sources"},
		"an event's permanent failure":                {envelope(userDocument), permanent, "no_connected_sources"},
		"a message that cannot be read":               {awstest.SQSBatch(`{`), nil, "invalid_request"},
		"a direct call that cannot be read":           {`{"user_id":"x"}`, nil, "invalid_request"},
		"a message that is retried":                   {awstest.SQSBatch(userDocument), unavailable, ""},
		"an event that is retried":                    {envelope(userDocument), unavailable, ""},
		"many users, whose failures are not retried":  {many, unavailable, "completed upstream_unavailable"},
		"many users of an event that is retried":      {envelope(many), unavailable, "completed"},
		"a batch of several":                          {awstest.SQSBatch(userDocument, many), permanent, "completed no_connected_sources no_connected_sources"},
		"an HTTP request":                             {awstest.Request{Path: mirror}.HTTPAPI(), nil, ""},
		"a webhook":                                   {webhook(userDocument), nil, ""},
		"a webhook that fails":                        {webhook(`{`), nil, ""},
		"the function's own event":                    {ownEvent, nil, ""},
		"a message with the function's own event":     {awstest.SQSBatch(ownEvent), nil, ""},
		"an unlisted Junction webhook":                {unlisted, nil, ""},
		"a message with an unlisted Junction webhook": {awstest.SQSBatch(unlisted), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			f := newFunction(withBus(b))
			if c.fails != nil {
				f.refresher.fails[user] = c.fails
			}
			_, _ = f.invoke(t, c.event) // an error too: it is retried
			if diff := cmp.Diff(strings.Fields(c.want), outcomes(b.events)); diff != "" {
				t.Errorf("other results are published (-want +got):\n%s", diff)
			}
			for _, e := range b.events {
				if e.TraceHeader != trace {
					t.Errorf("the trace header is %q, want %q", e.TraceHeader, trace)
				}
			}
		})
	}
}

func TestWhatIsQueuedIsNotPublished(t *testing.T) {
	const many = `{"user_ids":["` + user + `"]}`
	for name, event := range map[string]string{"direct": many, "sqs": awstest.SQSBatch(many), "http-api": preferring("respond-async")} {
		t.Run(name, func(t *testing.T) {
			b, q := &bus{}, &queue{}
			newFunction(withQueue(q), withBus(b)).answer(t, event)
			if len(q.sent) != 1 {
				t.Errorf("%d messages are queued, want 1", len(q.sent))
			}
			if len(b.events) != 0 {
				t.Errorf("%d results are published, want none", len(b.events))
			}
		})
	}
}

func TestAnEventWhoseResultCannotBePublishedIsRetried(t *testing.T) {
	for name, event := range map[string]string{
		"direct":      userDocument,
		"EventBridge": awstest.EventBridgeEvent("my.app", userDocument),
		"many users":  `{"user_ids":["` + other + `","` + user + `"]}`,
		"a refusal":   `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(withBus(&bus{rejects: map[string]bool{user: true, "": true}}))
			e := f.lambdaError(t, event)
			if e.Type != "PublishFailed" {
				t.Errorf("the errorType is %s, want PublishFailed", e.Type)
			}
			if e.Message != "the result could not be published" {
				t.Errorf("the message is %q", e.Message)
			}
			f.wantLog(t, `"msg":"publish"`, `"error_code":"publish_failed"`, `"cause":"EventBridge rejects a result: InternalFailure"`)
		})
	}
}

func TestAMessageWhoseResultCannotBePublishedIsRetried(t *testing.T) {
	f := newFunction(withBus(&bus{rejects: map[string]bool{user: true, "": true}}))
	f.wantFailures(t, awstest.SQSBatch(userDocument, `{"user_id":"`+other+`"}`, `{`), "m0", "m2")
}

func TestIfTheBusPanicsTheMessageIsRetriedAndThePayloadIsNotLogged(t *testing.T) {
	f := newFunction(withBus(&bus{panics: true}))
	f.wantFailures(t, awstest.SQSBatch(userDocument), "m0")
	f.wantNotLogged(t, "a payload")
}

func TestAMessagesResultHasTheMessagesOwnTrace(t *testing.T) {
	b := &bus{}
	f := newFunction(withBus(b))
	f.wantFailures(t, awstest.SQSEvent(events.SQSMessage{Body: userDocument, Attributes: map[string]string{"AWSTraceHeader": "Root=1-1-own"}}))
	if len(b.events) != 1 || b.events[0].TraceHeader != "Root=1-1-own" {
		t.Errorf("published is %+v, want one result with the trace header Root=1-1-own", b.events)
	}
	f.wantLog(t, `"trace_id":"1-1-own"`)
}

func TestABusThatHangsFailsItsMessageBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunction(withBus(&bus{takes: time.Hour}))
		began := time.Now()
		f.wantFailures(t, awstest.SQSBatch(userDocument), "m0")
		if took := time.Since(began); took >= 90*time.Second {
			t.Errorf("the batch is answered after %v, and the deadline is 90 s", took)
		}
	})
}
