package handler_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestADirectDocumentIsAnsweredWithItsResult(t *testing.T) {
	for name, c := range map[string]struct {
		event string
		want  refresh.Request
	}{
		"with a timeout":             {`{"user_id":"` + user + `","timeout":30}`, refresh.Request{UserID: user, Timeout: 30}},
		"with the default timeout":   {userDocument, refresh.Request{UserID: user, Timeout: 10}},
		"with an app's own ID":       {`{"client_user_id":"app-user-42"}`, refresh.Request{ClientUserID: "app-user-42", Timeout: 10}},
		"with the ID at a path":      {`{"data":{"user_id":"` + user + `"}}`, refresh.Request{UserID: user, Timeout: 10}},
		"of a listed webhook's form": {`{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `"}`, refresh.Request{UserID: user, Timeout: 10}},
		"with keys of AWS's events":  {`{"version":2,"requestContext":"x","Records":null,"user_id":"` + user + `"}`, refresh.Request{UserID: user, Timeout: 10}},
		"with a detail of its own":   {`{"detail":{"user_id":"` + user + `"}}`, refresh.Request{UserID: user, Timeout: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			out := f.result(t, c.event)
			c.want.RequestID = "request-1"
			f.wantRequests(t, c.want)
			if out.Status != result.Completed {
				t.Errorf("the status is %s, want %s", out.Status, result.Completed)
			}
			if out.RequestID != "request-1" {
				t.Errorf("the request ID is %q", out.RequestID)
			}
		})
	}
}

func TestAnUnusableDocumentIsRefusedWithoutACall(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		status   int
	}{
		"empty":              {``, http.StatusBadRequest},
		"null":               {`null`, http.StatusBadRequest},
		"not an object":      {`"x"`, http.StatusBadRequest},
		"truncated":          {`{"user_id":`, http.StatusBadRequest},
		"names no user":      {`{}`, http.StatusBadRequest},
		"needs a queue":      {`{"all_users":true}`, http.StatusBadRequest},
		"a bad user ID":      {`{"user_id":"x"}`, http.StatusUnprocessableEntity},
		"one bad ID of many": {`{"user_ids":["` + user + `","x"]}`, http.StatusUnprocessableEntity},
		"a bad timeout":      {`{"user_id":"` + user + `","timeout":"soon"}`, http.StatusUnprocessableEntity},
		"over 1 MiB":         {`{"user_id":"` + user + `","x":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			check := func(trigger string, out result.Result) {
				t.Helper()
				got := []string{string(out.ErrorCode), out.UserID, out.RequestID}
				if diff := cmp.Diff([]string{"invalid_request", "", "request-1"}, got); diff != "" {
					t.Errorf("%s: other code, user or request ID (-want +got):\n%s", trigger, diff)
				}
			}
			check("direct", f.result(t, c.document))
			response := f.http(t, awstest.Request{Path: "/webhooks", Body: c.document}.HTTPAPI())
			check("webhook", response.result(t))
			response.wantStatus(t, c.status)
			f.wantRequests(t)
		})
	}
}

func TestADocumentsKeysAndValuesAreNotLogged(t *testing.T) {
	f := newFunction()
	out := f.result(t, `{"email":"someone@example.com","a_private_key":1}`)
	if !strings.Contains(out.Error, "a_private_key, email") {
		t.Errorf("the sender is not told which keys were seen: %s", out.Error)
	}
	f.wantLog(t, `"error":"the document names no user"`)
	f.wantNotLogged(t, "a_private_key", "email", "someone")
}

func TestManyUsersAreRefreshedOnceEachAndAllResultsAreReturned(t *testing.T) {
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	answer := f.answer(t, `{"user_ids":["`+user+`","`+other+`","`+strings.ToUpper(user)+`"],"timeout":20}`)
	var many struct {
		Summary map[string]int
		Results []json.RawMessage
	}
	if err := json.Unmarshal(answer, &many); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	f.wantRequests(t, refresh.Request{UserID: user, Timeout: 20, RequestID: "request-1"}, refresh.Request{UserID: other, Timeout: 20, RequestID: "request-1"})
	if diff := cmp.Diff(map[string]int{"users": 2, "completed": 1, "in_progress": 0, "partial": 0, "failed": 1}, many.Summary); diff != "" {
		t.Errorf("the summary counts otherwise (-want +got):\n%s", diff)
	}
	if len(many.Results) != 2 {
		t.Fatalf("%d results, want 2: %s", len(many.Results), answer)
	}
	first, second := decodeResult(t, many.Results[0]), decodeResult(t, many.Results[1])
	if first.UserID != user || first.Status != result.Completed {
		t.Errorf("the first result is %s", many.Results[0])
	}
	if second.UserID != other || second.ErrorCode != result.RateLimited {
		t.Errorf("the second result is %s", many.Results[1])
	}
	if lines := strings.Count(f.log.String(), "\n"); lines != 2 {
		t.Errorf("%d log lines for 2 refreshes", lines)
	}
}

func TestTheSummaryCountsEachStatus(t *testing.T) {
	for status, want := range map[int]string{200: `"completed":1,"in_progress":0`, 202: `"completed":0,"in_progress":1`} {
		f := newFunction()
		f.refresher.status = status
		if answer := string(f.answer(t, `{"user_ids":["`+user+`"]}`)); !strings.Contains(answer, want) {
			t.Errorf("after a %d from Junction the summary does not count %s: %s", status, want, answer)
		}
	}
}
