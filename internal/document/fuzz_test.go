package document

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A document that is accepted names each of its users once, with IDs and a timeout that Junction can take.
func FuzzReadDocument(f *testing.F) {
	const user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	for _, seed := range []string{
		`{"user_id":"` + user + `","timeout":30}`, `{"user_id":"` + user + `","timeout":"1e309"}`, `{"client_user_id":"../é"}`,
		`{"user_ids":["` + user + `","` + strings.ToUpper(user) + `"]}`, `{"all_users":true}`, `{"data":{"user_id":"` + user + `"}}`,
		`{"event_type":"daily.data.x","team_id":"t"}`, `{"user_id":null,"data":null}`, `[]`, `{"timeout":{}}`, ``,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	r := &Reader{DefaultTimeout: 10, UserIDPaths: [][]string{{"user_id"}, {"data", "user_id"}}, WebhookEvents: []string{"provider.connection.created"}}
	f.Fuzz(func(t *testing.T, raw []byte, svix bool) {
		read := r.Read
		if svix {
			read = r.ReadSvix
		}
		d, err := read(raw)
		switch {
		case err != nil || d.Ignored:
			return
		case d.ClientUserID == "" && len(d.UserIDs) == 0:
			t.Errorf("%s names no user", raw)
		case d.ClientUserID != "" && len(d.UserIDs) > 0:
			t.Errorf("%s names a user by both IDs: %+v", raw, d)
		case !d.Many && len(d.UserIDs) > 1:
			t.Errorf("%s names several users: %+v", raw, d)
		case math.IsNaN(d.Timeout) || math.IsInf(d.Timeout, 0):
			t.Errorf("%s has the timeout %v", raw, d.Timeout)
		}
		seen := map[string]bool{}
		for _, id := range d.UserIDs {
			if again, err := ParseUserID(id); err != nil || again != id {
				t.Errorf("%s names %q, which is not a user ID in its one form", raw, id)
			}
			if seen[id] {
				t.Errorf("%s names %q twice", raw, id)
			}
			seen[id] = true
		}
		if d.ClientUserID != "" && !isOneSegment(d.ClientUserID) {
			t.Errorf("%q leaves its place in a path", d.ClientUserID)
		}
	})
}

// isOneSegment reports whether an app's own user ID is one segment of a path, whatever it holds.
func isOneSegment(id string) bool {
	u, err := url.Parse("https://x/resolve/" + url.PathEscape(id))
	return err == nil && u.Path == "/resolve/"+id && strings.Count(u.EscapedPath(), "/") == 2 && u.JoinPath().Path == u.Path
}

// What a message says of its origin is safe to log, and a message that is written is read back.
func FuzzReadMessage(f *testing.F) {
	const user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	for _, seed := range []string{
		`{"user_id":"` + user + `","timeout":30,"trigger":"http-api","request_id":"r-1"}`, `{"all_users":true,"offset":500,"limit":7}`,
		`{"detail-type":"x","source":"y","detail":{"user_id":"` + user + `"}}`, `{"detail-type":"x","source":"junction.refresh"}`,
		`{"request_id":"a caller's words","trigger":"x"}`, `[]`, ``,
	} {
		f.Add(seed)
	}
	r := &Reader{DefaultTimeout: 10, UserIDPaths: [][]string{{"user_id"}}, WebhookEvents: []string{"x"}, Queue: true}
	f.Fuzz(func(t *testing.T, body string) {
		d, from, err := r.ReadMessage(body)
		if from.RequestID != "" && !IsID(from.RequestID) {
			t.Errorf("%s has the request ID %q", body, from.RequestID)
		}
		if from.Trigger != "" && !from.Trigger.known() {
			t.Errorf("%s has the trigger %q", body, from.Trigger)
		}
		if err != nil || d.Ignored || d.All {
			return
		}
		for _, m := range d.Messages(from) {
			want := Document{ClientUserID: d.ClientUserID, Timeout: d.Timeout}
			if m.UserID != "" {
				want.UserIDs = []string{m.UserID}
			}
			again, origin, err := r.ReadMessage(m.Body())
			if err != nil {
				t.Fatalf("%s cannot be read back: %v", m.Body(), err)
			}
			if diff := cmp.Diff(want, again); diff != "" {
				t.Errorf("%s is read back wrong (-want +got):\n%s", m.Body(), diff)
			}
			if origin != from {
				t.Errorf("%s is read back from %+v, want %+v", m.Body(), origin, from)
			}
		}
	})
}
