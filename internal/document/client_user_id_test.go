package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// clientUserIDs are values of client_user_id, and what is read of them beside a user ID.
var clientUserIDs = map[string]struct{ json, want string }{
	"an app's ID":             {`"app-user-7"`, "app-user-7"},
	"an e-mail address":       {`"someone+x@example.com"`, "someone+x@example.com"},
	"letters of any alphabet": {`"用户/7 é"`, "用户/7 é"},
	"an emoji":                {`"\ud83d\ude00"`, "😀"},
	"three dots":              {`"..."`, "..."},
	"1,024 bytes":             {`"` + strings.Repeat("x", 1024) + `"`, strings.Repeat("x", 1024)},
	"1,025 bytes":             {`"` + strings.Repeat("x", 1025) + `"`, ""},
	"1,026 bytes in letters":  {`"` + strings.Repeat("é", 513) + `"`, ""},
	"empty":                   {`""`, ""},
	"null":                    {`null`, ""},
	"a dot":                   {`"."`, ""},
	"two dots":                {`".."`, ""},
	"a NUL":                   {`"a\u0000b"`, ""},
	"a line break":            {`"a\nb"`, ""},
	"a DEL":                   {`"a\u007fb"`, ""},
	"half a surrogate":        {`"a\ud800b"`, ""},
	"not UTF-8":               {"\"a\xffb\"", ""},
	"U+FFFE":                  {`"a\ufffeb"`, ""},
	"U+FFFF":                  {`"a\uffffb"`, ""},
	"a number":                {`42`, ""},
	"a boolean":               {`true`, ""},
	"a list":                  {`["app-user-7"]`, ""},
	"an object":               {`{"id":"app-user-7"}`, ""},
}

func TestAnAppsIDBesideAUserIDIsKeptOrLeftOut(t *testing.T) {
	r := newReader()
	r.WebhookEvents = append(r.WebhookEvents, "provider.connection.error")
	for name, c := range clientUserIDs {
		t.Run(name, func(t *testing.T) {
			both := `"user_id":"` + user + `","client_user_id":` + c.json
			users := []result.User{{ID: user, ClientUserID: c.want}}
			for source, d := range map[string]struct {
				raw  string
				want document.Document
			}{
				"a document":             {`{` + both + `}`, document.Document{Users: users, Timeout: 10}},
				"a webhook that is used": {`{"event_type":"provider.connection.created","team_id":"t",` + both + `}`, document.Document{Users: users, Timeout: 10}},
				"a webhook that is not":  {`{"event_type":"daily.data.x","team_id":"t",` + both + `}`, document.Document{Users: users, Ignored: true}},
				"a result":               {`{"status":"completed","request_id":"r-1","completed_at":"x",` + both + `}`, document.Document{Users: users, Ignored: true, RequestID: "r-1"}},
			} {
				got, err := r.Read([]byte(d.raw))
				if err != nil {
					t.Fatalf("%s: %v", source, err)
				}
				if diff := cmp.Diff(d.want, got); diff != "" {
					t.Errorf("%s is read wrong (-want +got):\n%s", source, diff)
				}
			}
			got, err := r.Read([]byte(`{"event_type":"provider.connection.error","team_id":"t",` + both + `,"data":{"provider":"oura"}}`))
			if err != nil || got.ConnectionError == nil || got.ConnectionError.ClientUserID != c.want {
				t.Errorf("the connection error is %+v, error %v", got.ConnectionError, err)
			}
		})
	}
}

func TestAnAppsIDThatCannotBeOneRefusesADocumentThatHasNoOther(t *testing.T) {
	for name, c := range clientUserIDs {
		t.Run(name, func(t *testing.T) {
			d, err := newReader().Read([]byte(`{"user_id":null,"client_user_id":` + c.json + `}`))
			if c.want == "" {
				_ = refusal(t, err)
				return
			}
			if diff := cmp.Diff([]result.User{{ClientUserID: c.want}}, d.Users); err != nil || diff != "" {
				t.Errorf("error %v, users (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestAnAppsIDBesideABadUserIDDoesNotHelp(t *testing.T) {
	_, err := newReader().Read([]byte(`{"user_id":"x","client_user_id":"app-user-7"}`))
	_ = refusal(t, err)
}

// The users of a page come from Junction's list, where an app's ID may be anything.
func TestAMessageCarriesTheAppsIDUnlessItCannotBeOne(t *testing.T) {
	for name, c := range map[string]struct{ id, want string }{
		"none":                   {"", ""},
		"an app's ID":            {"app-user-7", "app-user-7"},
		"1,024 bytes":            {strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		"1,024 bytes to escape":  {strings.Repeat("<", 1024), strings.Repeat("<", 1024)},
		"1,025 bytes":            {strings.Repeat("x", 1025), ""},
		"more than a message":    {strings.Repeat("x", 2<<20), ""},
		"dots":                   {"..", ""},
		"a control character":    {"a\x01b", ""},
		"a line break":           {"a\nb", ""},
		"not UTF-8":              {"a\xffb", ""},
		"what SQS does not take": {"a\uffffb", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := document.Document{Many: true, All: true, Page: document.Page{Limit: 500}, Timeout: 10, Users: []result.User{
				{ID: user, ClientUserID: c.id}, {ID: otherUser, ClientUserID: "app-user-8"},
			}}
			messages := d.Messages(fromCaller)
			var got []result.User
			for _, m := range messages {
				if size := len(m.Body()); size > 10<<10 {
					t.Errorf("a message has %d bytes, want 10 KiB at most", size)
				}
				read, err := newReader().ReadMessage(m.Body())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, read.Users...)
			}
			want := []result.User{{ID: user, ClientUserID: c.want}, {ID: otherUser, ClientUserID: "app-user-8"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the messages are for (-want +got):\n%s", diff)
			}
			if messages[0].ClientUserID != c.want {
				t.Errorf("the message has %.20q, want %.20q", messages[0].ClientUserID, c.want)
			}
			if d.Users[0].ClientUserID != c.id {
				t.Error("the document itself was changed")
			}
		})
	}
}
