package document_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

var fromCaller = document.Origin{Trigger: document.HTTPAPI, RequestID: "of-the-caller"}

func TestAMessageIsWrittenForEachUser(t *testing.T) {
	for name, c := range map[string]struct {
		document document.Document
		want     []string
	}{
		"one user": {
			document.Document{Users: []result.User{{ID: user}}, Timeout: 45},
			[]string{`{"user_id":"` + user + `","timeout":45,"trigger":"http-api","request_id":"of-the-caller"}`},
		},
		"an app's own ID": {
			document.Document{Users: []result.User{{ClientUserID: "<app>"}}, Timeout: 10},
			[]string{`{"client_user_id":"\u003capp\u003e","timeout":10,"trigger":"http-api","request_id":"of-the-caller"}`},
		},
		"two users": {
			document.Document{Users: []result.User{{ID: user}, {ID: otherUser}}, Many: true, Timeout: 30.5},
			[]string{
				`{"user_id":"` + user + `","timeout":30.5,"trigger":"http-api","request_id":"of-the-caller"}`,
				`{"user_id":"` + otherUser + `","timeout":30.5,"trigger":"http-api","request_id":"of-the-caller"}`,
			},
		},
		"no users": {document.Document{Many: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, bodies(c.document.Messages(fromCaller))); diff != "" {
				t.Errorf("other messages are written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMessageIsWrittenForEachPageOfAllUsers(t *testing.T) {
	page := func(offset string) string {
		return `{"all_users":true,"offset":` + offset + `,"limit":500,"timeout":30,"trigger":"direct"}`
	}
	for name, c := range map[string]struct {
		users int
		want  []string
	}{
		"no users":    {0, nil},
		"one user":    {1, []string{page("0")}},
		"500 users":   {500, []string{page("0")}},
		"1,001 users": {1001, []string{page("0"), page("500"), page("1000")}},
	} {
		t.Run(name, func(t *testing.T) {
			d := document.Document{Many: true, All: true, Timeout: 30}
			got := bodies(d.PageMessages(document.Origin{Trigger: document.Direct}, c.users))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("other messages are written (-want +got):\n%s", diff)
			}
		})
	}
}

func bodies(messages []document.Message) (all []string) {
	for _, m := range messages {
		all = append(all, m.Body())
	}
	return all
}

func TestAMessageIsReadBackAsItWasWritten(t *testing.T) {
	offset := 500
	for name, want := range map[string]document.Message{
		"one user":            {UserID: user, Timeout: 30, Origin: fromCaller},
		"an app's own ID":     {ClientUserID: "<app>", Timeout: 10, Origin: fromCaller},
		"a page of all users": {AllUsers: true, Offset: &offset, Limit: 500, Timeout: 7.5, Origin: fromCaller},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := document.ParseMessage(want.Body())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the message is parsed wrong (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := document.ParseMessage("not JSON"); err == nil {
		t.Error("what is not JSON is parsed")
	}
}

func TestAMessagesBodyIsTheDocument(t *testing.T) {
	one := document.Document{Users: []result.User{{ID: user}}, Timeout: 20}
	ofTheCaller := one
	ofTheCaller.RequestID = "of-the-caller"
	for name, c := range map[string]struct {
		body string
		want document.Received
	}{
		"a message of this function": {
			`{"user_id":"` + user + `","timeout":20,"trigger":"http-api","request_id":"of-the-caller"}`,
			document.Received{Document: ofTheCaller, QueuedBy: document.HTTPAPI},
		},
		"another sender's document": {`{"user_id":"` + user + `","timeout":20}`, document.Received{Document: one}},
		"an EventBridge event": {
			`{"detail-type":"x","source":"my.app","detail":{"user_id":"` + user + `","timeout":20}}`, document.Received{Document: one},
		},
		"an EventBridge event of this function": {
			`{"detail-type":"x","source":"junction.refresh","detail":{"user_id":"` + user + `"}}`,
			document.Received{Document: document.Document{Ignored: true}},
		},
		"a page of all users": {
			`{"all_users":true,"offset":1,"limit":2,"timeout":30,"trigger":"function-url","request_id":"of-the-caller"}`,
			document.Received{
				Document: document.Document{
					Many: true, All: true, Page: document.Page{Offset: 1, Limit: 2}, Timeout: 30, RequestID: "of-the-caller",
				},
				QueuedBy: document.FunctionURL,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newQueueReader().ReadMessage(c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the message is read wrong (-want +got):\n%s", diff)
			}
		})
	}
	for name, body := range map[string]string{"an empty body": ``, "not JSON": `not JSON`, "an event without a detail": `{"detail-type":"x","source":"my.app"}`} {
		t.Run(name, func(t *testing.T) {
			_, err := newQueueReader().ReadMessage(body)
			_ = refusal(t, err)
		})
	}
}

func TestOnlyAKnownTriggerIsReadFromAMessage(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		want document.Trigger
	}{
		"none":              {`"x":1`, ""},
		"an unknown one":    {`"trigger":"nonsense"`, ""},
		"one not in quotes": {`"trigger":7`, ""},
		"http-api":          {`"trigger":"http-api"`, document.HTTPAPI},
		"rest-api":          {`"trigger":"rest-api"`, document.RESTAPI},
		"function-url":      {`"trigger":"function-url"`, document.FunctionURL},
		"eventbridge":       {`"trigger":"eventbridge"`, document.EventBridge},
		"sqs":               {`"trigger":"sqs"`, document.SQS},
		"direct":            {`"trigger":"direct"`, document.Direct},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newReader().ReadMessage(`{"user_id":"` + user + `",` + c.key + `}`)
			if err != nil {
				t.Fatal(err)
			}
			if got.QueuedBy != c.want {
				t.Errorf("the trigger is %q, want %q", got.QueuedBy, c.want)
			}
		})
	}
}

func TestOnlyHTTPTriggersWaitForAnHTTPResponse(t *testing.T) {
	for trigger, want := range map[document.Trigger]bool{
		document.HTTPAPI: true, document.RESTAPI: true, document.FunctionURL: true,
		document.EventBridge: false, document.SQS: false, document.Direct: false, "": false,
	} {
		if trigger.HTTP() != want {
			t.Errorf("HTTP of %q is %t, want %t", trigger, !want, want)
		}
	}
}
