package handler_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// newFollowing returns a function that follows up every refresh, with a first pause of 30 s and a second of one
// minute, and with the queue and the bus that it uses.
func newFollowing(options ...option) (function, *queue, *bus) {
	q, b := &queue{}, &bus{}
	f := newFunction(append([]option{withQueue(q), withBus(b)}, options...)...)
	f.refresher.running, f.refresher.pauses = []string{"garmin/sleep"}, []time.Duration{30 * time.Second, time.Minute}
	return f, q, b
}

// published returns the results on a bus, each checked against the schema.
func (b *bus) published(t *testing.T) (results []result.Result) {
	t.Helper()
	for _, e := range b.events {
		text, err := json.Marshal(e.Result)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, decodeResult(t, text))
	}
	return results
}

func TestAResultIsFinalUnlessAnotherFollows(t *testing.T) {
	withoutQueue, withoutBus := withQueue(nil), withBus(nil)
	refreshRoute := awstest.Request{Path: mirror}.HTTPAPI()
	for name, c := range map[string]struct {
		event   string
		options []option
		change  func(*refresher)
		want    []any // status and final
	}{
		"in progress and followed up":                        {userDocument, nil, nil, []any{result.InProgress, false}},
		"in progress and followed up, over HTTP":             {refreshRoute, nil, nil, []any{result.InProgress, false}},
		"in progress without a bus":                          {userDocument, []option{withoutBus}, nil, []any{result.InProgress, true}},
		"in progress without a queue":                        {userDocument, []option{withoutQueue}, nil, []any{result.InProgress, true}},
		"in progress without following up":                   {userDocument, nil, func(r *refresher) { r.pauses = nil }, []any{result.InProgress, true}},
		"in progress, and the queue fails":                   {userDocument, []option{withQueue(&queue{err: errors.New("x")})}, nil, []any{result.InProgress, true}},
		"in progress over HTTP, and the queue fails":         {refreshRoute, []option{withQueue(&queue{err: errors.New("x")})}, nil, []any{result.InProgress, true}},
		"in progress, and the queue panics":                  {userDocument, []option{withQueue(&queue{panics: true})}, nil, []any{result.InProgress, true}},
		"in progress with no source named":                   {userDocument, nil, func(r *refresher) { r.running, r.status = nil, 202 }, []any{result.InProgress, true}},
		"in progress for another request":                    {userDocument, nil, func(r *refresher) { r.inFlight = true }, []any{result.InProgress, true}},
		"completed":                                          {userDocument, nil, func(r *refresher) { r.running = nil }, []any{result.Completed, true}},
		"failed":                                             {userDocument, nil, func(r *refresher) { r.fails[user] = result.Fail(result.UserNotFound, "x") }, []any{result.Failed, true}},
		"refused":                                            {`{}`, nil, nil, []any{result.Failed, true}},
		"ignored":                                            {`{"event_type":"daily.data.x","team_id":"t"}`, nil, nil, []any{result.Ignored, true}},
		"queued, and the result will be published":           {preferring("respond-async"), nil, nil, []any{result.Queued, false}},
		"queued, and nothing is published":                   {preferring("respond-async"), []option{withoutBus}, nil, []any{result.Queued, true}},
		"a queued webhook, and the result will be published": {awstest.Request{Path: "/webhooks", Body: userDocument}.HTTPAPI(), nil, nil, []any{result.Queued, false}},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _ := newFollowing(c.options...)
			if c.change != nil {
				c.change(f.refresher)
			}
			var response httpAnswer
			answer := f.answer(t, c.event)
			if json.Unmarshal(answer, &response) == nil && response.Body != "" {
				answer = []byte(response.Body)
			}
			out := decodeResult(t, answer)
			if diff := cmp.Diff(c.want, []any{out.Status, out.Final}); diff != "" {
				t.Errorf("another status or final (-want +got):\n%s", diff)
			}
			f.wantNotLogged(t, "a payload")
		})
	}
}

func TestAResultIsPublishedAsFinalAsItIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		queue *queue
		want  bool
	}{
		"followed up":             {&queue{}, false},
		"and the follow-up fails": {&queue{err: errors.New("x")}, true},
	} {
		for trigger, event := range map[string]string{
			"direct": userDocument, "EventBridge": awstest.EventBridgeEvent("my.app", userDocument), "SQS": awstest.SQSBatch(userDocument),
		} {
			t.Run(trigger+" "+name, func(t *testing.T) {
				f, _, b := newFollowing(withQueue(c.queue))
				f.answer(t, event)
				if got := b.published(t); len(got) != 1 || got[0].Final != c.want {
					t.Errorf("published is %+v, want one result with final %t", got, c.want)
				}
			})
		}
	}
}
