package document_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestADocumentNamesItsUsersAndTimeout(t *testing.T) {
	one := func(timeout float64) document.Document {
		return document.Document{Users: []result.User{{ID: user}}, Timeout: timeout}
	}
	for name, c := range map[string]struct {
		raw  string
		want document.Document
	}{
		"a user ID":                        {`{"user_id":"` + user + `"}`, one(10)},
		"a user ID in upper case":          {`{"user_id":"` + upperUser + `","timeout":30}`, one(30)},
		"a timeout as a string":            {`{"user_id":"` + user + `","timeout":" 30.5 "}`, one(30.5)},
		"a negative timeout":               {`{"user_id":"` + user + `","timeout":-3}`, one(-3)},
		"a timeout of null":                {`{"user_id":"` + user + `","timeout":null}`, one(10)},
		"unknown keys":                     {`{"user_id":"` + user + `","anything":{"else":[1]},"all_users":null}`, one(10)},
		"an event type of another service": {`{"event_type":"login","user_id":"` + user + `"}`, one(10)},
		"the app's own ID": {
			`{"user_id":null,"client_user_id":"app-user-42"}`,
			document.Document{Users: []result.User{{ClientUserID: "app-user-42"}}, Timeout: 10},
		},
		"a list of users, each once": {
			`{"user_ids":["` + user + `","` + otherUser + `","` + upperUser + `"],"timeout":20}`,
			document.Document{Users: []result.User{{ID: user}, {ID: otherUser}}, Many: true, Timeout: 20},
		},
		"a list of one user": {
			`{"user_ids":["` + user + `"]}`,
			document.Document{Users: []result.User{{ID: user}}, Many: true, Timeout: 10},
		},
		"all users": {
			`{"all_users":true}`,
			document.Document{Many: true, All: true, Timeout: 10},
		},
		"a page of all users": {
			`{"all_users":true,"offset":500,"limit":7}`,
			document.Document{Many: true, All: true, Page: document.Page{Offset: 500, Limit: 7}, Timeout: 10},
		},
		"a page of all users without a limit": {
			`{"all_users":true,"offset":0}`,
			document.Document{Many: true, All: true, Page: document.Page{Limit: 500}, Timeout: 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newQueueReader().Read([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the document is read wrong (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnotherSendersUserIDIsFoundAtTheConfiguredPaths(t *testing.T) {
	for name, c := range map[string]struct {
		raw   string
		paths [][]string // nil: the default
	}{
		"in data":                       {raw: `{"data":{"user_id":"` + user + `"}}`},
		"in detail":                     {raw: `{"detail":{"user_id":"` + user + `"}}`},
		"three levels deep":             {`{"user":{"metadata":{"junction_id":"` + user + `"}}}`, [][]string{{"user", "metadata", "junction_id"}}},
		"at the second path, if null":   {`{"user":{"id":null},"account":"` + user + `"}`, [][]string{{"user", "id"}, {"account"}}},
		"at the second path, if a word": {`{"user":"x","account":"` + user + `"}`, [][]string{{"user", "id"}, {"account"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader()
			if c.paths != nil {
				r.UserIDPaths = c.paths
			}
			got, err := r.Read([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]result.User{{ID: user}}, got.Users); diff != "" {
				t.Errorf("the user is not found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyListedJunctionWebhooksRefresh(t *testing.T) {
	r := newReader()
	const unlisted = `{"event_type":"daily.data.sleep.created","user_id":"` + user + `"}`
	for name, c := range map[string]struct {
		read func([]byte) (document.Document, error)
		raw  string
		want document.Document
	}{
		"a listed one": {
			r.Read, `{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `"}`,
			document.Document{Users: []result.User{{ID: user}}, Timeout: 10},
		},
		"an unlisted one": {
			r.Read, `{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"` + user + `","data":{}}`,
			document.Document{Users: []result.User{{ID: user}}, Ignored: true},
		},
		"one whose type is not a string": {
			r.Read, `{"event_type":7,"team_id":"t","user_id":"not one"}`,
			document.Document{Ignored: true},
		},
		"an unlisted one, known by its headers": {
			r.ReadSvix, unlisted,
			document.Document{Users: []result.User{{ID: user}}, Ignored: true},
		},
		"an app's own webhook of that type": {
			r.Read, unlisted,
			document.Document{Users: []result.User{{ID: user}}, Timeout: 10},
		},
		"a refresh document with Svix's headers": {
			r.ReadSvix, `{"user_id":"` + user + `"}`,
			document.Document{Users: []result.User{{ID: user}}, Timeout: 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.read([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the webhook is read wrong (-want +got):\n%s", diff)
			}
		})
	}
}
