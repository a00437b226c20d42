package handler_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// named names a user by both IDs.
const named = `{"user_id":"` + user + `","client_user_id":"app-user-7"}`

func TestAResultHasTheAppsOwnIDWhateverAskedForIt(t *testing.T) {
	webhook := func(body string) string { return awstest.Request{Path: "/webhooks", Body: body}.HTTPAPI() }
	failing := func(f function) { f.refresher.fails[user] = result.Fail(result.UserNotFound, "x") }
	const junctions = `{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `","client_user_id":"app-user-7"}`
	for name, c := range map[string]struct {
		event  string
		change func(function)
	}{
		"a direct call":                    {named, nil},
		"a direct call by the app's ID":    {`{"client_user_id":"app-user-7"}`, nil},
		"a direct call that fails":         {named, failing},
		"an EventBridge event":             {awstest.EventBridgeEvent("my.app", named), nil},
		"a message":                        {awstest.SQSBatch(named), nil},
		"a message that fails":             {awstest.SQSBatch(named), failing},
		"an event in a message":            {awstest.SQSBatch(awstest.EventBridgeEvent("my.app", named)), nil},
		"a webhook":                        {webhook(named), nil},
		"a webhook that fails":             {webhook(named), failing},
		"a Junction webhook":               {webhook(junctions), nil},
		"a Junction webhook, passed on":    {awstest.EventBridgeEvent("my.app", junctions), nil},
		"an unlisted Junction webhook":     {webhook(`{"event_type":"daily.data.x","team_id":"t","user_id":"` + user + `","client_user_id":"app-user-7"}`), nil},
		"a result that is passed on again": {`{"status":"completed","request_id":"x","completed_at":"x","user_id":"` + user + `","client_user_id":"app-user-7"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			f := newFunction(withBus(b))
			if c.change != nil {
				c.change(f)
			}
			answer := f.answer(t, c.event)
			var response httpAnswer
			if json.Unmarshal(answer, &response) == nil && response.Body != "" {
				answer = []byte(response.Body)
			}
			results := b.published(t)
			if !isBatchAnswer(answer) {
				results = append(results, decodeResult(t, answer))
			}
			if len(results) == 0 {
				t.Error("there is no result")
			}
			for _, out := range results {
				if out.ClientUserID != "app-user-7" {
					t.Errorf("the app's ID is %q, want app-user-7", out.ClientUserID)
				}
			}
			f.wantNotLogged(t, "app-user-7")
		})
	}
}

// isBatchAnswer reports whether an answer is that to a batch of messages.
func isBatchAnswer(answer []byte) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(answer, &fields) == nil && fields["batchItemFailures"] != nil
}

func TestAQueuedRefreshKeepsTheAppsOwnID(t *testing.T) {
	q, b := &queue{}, &bus{}
	f := newFunction(withQueue(q), withBus(b))
	response := f.http(t, awstest.Request{Path: "/webhooks", Body: named}.HTTPAPI())
	response.wantStatus(t, http.StatusAccepted)
	if out := response.result(t); out.ClientUserID != "app-user-7" || out.Status != result.Queued {
		t.Errorf("it is answered with %s", response.Body)
	}
	f.answer(t, awstest.SQSBatch(q.bodies()...))
	got := b.published(t)
	if len(got) != 1 || got[0].ClientUserID != "app-user-7" {
		t.Errorf("published is %+v, want a result with the app's ID", got)
	}
	f.wantNotLogged(t, "app-user-7")
}

func TestTheUsersOfATeamKeepTheAppsOwnIDs(t *testing.T) {
	q, b := &queue{}, &bus{}
	f := newFunction(withQueue(q), withBus(b))
	f.refresher.team = []result.User{{ID: user, ClientUserID: "app-user-7"}, {ID: other}}
	f.answer(t, `{"all_users":true}`)
	pages := q.bodies()
	q.sent = nil
	f.answer(t, awstest.SQSBatch(pages...))
	f.answer(t, awstest.SQSBatch(q.bodies()...))
	got := map[string]string{}
	for _, out := range b.published(t) {
		got[out.UserID] = out.ClientUserID
	}
	if diff := cmp.Diff(map[string]string{user: "app-user-7", other: ""}, got); diff != "" {
		t.Errorf("other IDs are published (-want +got):\n%s", diff)
	}
	f.wantNotLogged(t, "app-user-7")
}

func TestABadClientUserIDBesideAGoodUserIDIsLeftOut(t *testing.T) {
	for _, id := range []string{`""`, `"."`, `".."`, `7`, `null`, `{}`, `"a\u0000b"`} {
		t.Run(id, func(t *testing.T) {
			f := newFunction()
			out := f.result(t, `{"user_id":"`+user+`","client_user_id":`+id+`}`)
			if out.Status != result.Completed || out.ClientUserID != "" {
				t.Errorf("the status is %s and the app's ID %q", out.Status, out.ClientUserID)
			}
		})
	}
}
