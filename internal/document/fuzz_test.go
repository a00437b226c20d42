package document

import (
	"net/url"
	"strings"
	"testing"
)

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
		case d.ClientUserID == "" && len(d.UserIDs) == 0, d.ClientUserID != "" && len(d.UserIDs) > 0, !d.Many && len(d.UserIDs) > 1:
			t.Errorf("%s names %+v", raw, d)
		case d.Timeout != d.Timeout || d.Timeout-d.Timeout != 0: // NaN, infinite
			t.Errorf("%s has the timeout %v", raw, d.Timeout)
		}
		seen := map[string]bool{}
		for _, id := range d.UserIDs {
			if again, err := ParseUserID(id); err != nil || again != id || seen[id] {
				t.Errorf("%s names %q", raw, id)
			}
			seen[id] = true
		}
		// Whatever an app's own ID is, it stays one segment of a path.
		if u, err := url.Parse("https://x/resolve/" + url.PathEscape(d.ClientUserID)); d.ClientUserID != "" &&
			(err != nil || u.Path != "/resolve/"+d.ClientUserID || strings.Count(u.EscapedPath(), "/") != 2 || u.JoinPath().Path != u.Path) {
			t.Errorf("%q leaves its place in the path: %v", d.ClientUserID, u)
		}
	})
}

func FuzzReadMessage(f *testing.F) {
	const user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	for _, seed := range []string{
		`{"user_id":"` + user + `","timeout":30,"trigger":"http-api","request_id":"r-1"}`, `{"all_users":true,"offset":500,"limit":7}`,
		`{"detail-type":"x","source":"y","detail":{"user_id":"` + user + `"}}`, `{"detail-type":"x","source":"junction.refresh"}`,
		`{"request_id":"somebody's words","trigger":"x"}`, `[]`, ``,
	} {
		f.Add(seed)
	}
	r := &Reader{DefaultTimeout: 10, UserIDPaths: [][]string{{"user_id"}}, WebhookEvents: []string{"x"}, Queue: true}
	f.Fuzz(func(t *testing.T, body string) {
		d, from, err := r.ReadMessage(body)
		if from.RequestID != "" && !IsID(from.RequestID) || from.Trigger != "" && !from.Trigger.known() {
			t.Errorf("%s has the origin %+v", body, from)
		}
		if err != nil || d.Ignored || d.All {
			return
		}
		for _, m := range d.Messages(from) { // what is written is read back
			again, origin, err := r.ReadMessage(m.Body())
			if err != nil || origin != from || again.ClientUserID != d.ClientUserID || again.Timeout != d.Timeout || m.UserID != "" && again.UserIDs[0] != m.UserID {
				t.Errorf("%s is read back as %+v from %+v: %v", m.Body(), again, origin, err)
			}
		}
	})
}
