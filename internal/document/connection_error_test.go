package document_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// connectionErrorOf returns a provider.connection.error with the given keys.
func connectionErrorOf(keys string) []byte {
	return []byte(`{"event_type":"provider.connection.error","team_id":"t",` + keys + `}`)
}

func TestAConnectionErrorIsReadFromJunctionsWebhook(t *testing.T) {
	const ofUser = `"user_id":"` + user + `"`
	for name, c := range map[string]struct {
		keys string
		want *result.ConnectionError // nil if it reports none
	}{
		"the provider as a string": {
			ofUser + `,"client_user_id":"app","data":{"user_id":"` + user + `","provider":"oura","message":"x","error_type":"token_refresh_failed","error_details":"invalid_grant"}`,
			&result.ConnectionError{UserID: user, ClientUserID: "app", Provider: "oura", ErrorType: "token_refresh_failed"},
		},
		"the provider as an object": {
			ofUser + `,"data":{"provider":{"name":"Oura","slug":"oura","logo":"x"},"error_type":"unknown"}`,
			&result.ConnectionError{UserID: user, Provider: "oura", ErrorType: "unknown"},
		},
		"the user in upper case": {
			`"user_id":"` + upperUser + `","data":{"provider":"oura"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"the user only in the data": {
			`"data":{"user_id":"` + user + `","provider":"oura"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"another user in the data": {
			ofUser + `,"data":{"user_id":"` + otherUser + `","provider":"oura"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"an error_type that is new": {
			ofUser + `,"data":{"provider":"oura","error_type":"error_42"}`,
			&result.ConnectionError{UserID: user, Provider: "oura", ErrorType: "error_42"},
		},
		"an error_type that is a sentence": {
			ofUser + `,"data":{"provider":"oura","error_type":"Sorry, no"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"an error_type that is long": {
			ofUser + `,"data":{"provider":"oura","error_type":"` + strings.Repeat("x", 65) + `"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"an error_type that is a number": {
			ofUser + `,"data":{"provider":"oura","error_type":7}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"an error_type that is an object": {
			ofUser + `,"data":{"provider":"oura","error_type":{"error_type":"unknown"}}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"error_details alone, which are no error_type": {
			ofUser + `,"data":{"provider":"oura","error_details":"unknown"}`,
			&result.ConnectionError{UserID: user, Provider: "oura"},
		},
		"no provider":                         {ofUser + `,"data":{"error_type":"unknown"}`, nil},
		"a provider that is null":             {ofUser + `,"data":{"provider":null}`, nil},
		"a provider that is a number":         {ofUser + `,"data":{"provider":7}`, nil},
		"a provider that is a sentence":       {ofUser + `,"data":{"provider":"Oura, Inc."}`, nil},
		"a provider without a slug":           {ofUser + `,"data":{"provider":{"name":"Oura"}}`, nil},
		"a provider whose slug is a number":   {ofUser + `,"data":{"provider":{"slug":7}}`, nil},
		"a provider that is long":             {ofUser + `,"data":{"provider":"` + strings.Repeat("x", 65) + `"}`, nil},
		"no data":                             {ofUser, nil},
		"data that is a string":               {ofUser + `,"data":"oura"`, nil},
		"no user":                             {`"data":{"provider":"oura"}`, nil},
		"a user that is not a UUID":           {`"user_id":"x","data":{"provider":"oura"}`, nil},
		"a bad user and a good one in data":   {`"user_id":"x","data":{"user_id":"` + user + `","provider":"oura"}`, nil},
		"a user that is empty, and no other":  {`"user_id":"","data":{"provider":"oura"}`, nil},
		"an app's ID and no user":             {`"client_user_id":"app","data":{"provider":"oura"}`, nil},
		"the provider beside the data":        {ofUser + `,"provider":"oura","data":{}`, nil},
		"the provider only as a bare keyword": {ofUser + `,"data":{"provider":""}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := newReader().Read(connectionErrorOf(c.keys))
			if err != nil || !d.Ignored {
				t.Fatalf("%+v, %v; want it ignored", d, err)
			}
			if c.want != nil {
				c.want.SchemaVersion = 1
			}
			if diff := cmp.Diff(c.want, d.ConnectionError, cmpopts.IgnoreFields(result.ConnectionError{}, "ReceivedAt")); diff != "" {
				t.Errorf("the connection error (-want +got):\n%s", diff)
			}
			if e := d.ConnectionError; e != nil && (time.Since(e.ReceivedAt) > time.Minute || e.ReceivedAt.Location() != time.UTC || e.ReceivedAt.Nanosecond() != 0) {
				t.Errorf("received at %v, want now, in whole seconds and UTC", e.ReceivedAt)
			}
		})
	}
}

func TestOnlyJunctionsOwnWebhookReportsAConnectionError(t *testing.T) {
	const data = `"user_id":"` + user + `","data":{"provider":"oura","error_type":"unknown"}`
	for name, c := range map[string]struct {
		raw  string
		svix bool
		want bool
	}{
		"with a team":                {`{"event_type":"provider.connection.error","team_id":"t",` + data + `}`, false, true},
		"with Svix's headers":        {`{"event_type":"provider.connection.error",` + data + `}`, true, true},
		"an app's own of the name":   {`{"event_type":"provider.connection.error",` + data + `}`, false, false},
		"another type":               {`{"event_type":"provider.connection.created","team_id":"t",` + data + `}`, false, false},
		"a type in another case":     {`{"event_type":"Provider.Connection.Error","team_id":"t",` + data + `}`, false, false},
		"a type that is a list":      {`{"event_type":["provider.connection.error"],"team_id":"t",` + data + `}`, false, false},
		"a document without a type":  {`{"team_id":"t",` + data + `}`, false, false},
		"a type that is not trimmed": {`{"event_type":" provider.connection.error","team_id":"t",` + data + `}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			read := newReader().Read
			if c.svix {
				read = newReader().ReadSvix
			}
			d, err := read([]byte(c.raw))
			if err != nil || (d.ConnectionError != nil) != c.want {
				t.Errorf("%+v, error %v; want a connection error: %t", d.ConnectionError, err, c.want)
			}
		})
	}
}

func TestAConnectionErrorThatIsListedRefreshesToo(t *testing.T) {
	r := newReader()
	r.WebhookEvents = []string{"provider.connection.error"}
	got, err := r.Read(connectionErrorOf(`"user_id":"` + user + `","data":{"provider":"oura"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := document.Document{
		Users: []result.User{{ID: user}}, Timeout: 10,
		ConnectionError: &result.ConnectionError{SchemaVersion: 1, UserID: user, Provider: "oura"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(result.ConnectionError{}, "ReceivedAt")); diff != "" {
		t.Errorf("the webhook is read wrong (-want +got):\n%s", diff)
	}
}
