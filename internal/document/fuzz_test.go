package document

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// A document that is accepted names each of its users once, with IDs and a timeout that Junction can take.
func FuzzReadDocument(f *testing.F) {
	const user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	for _, seed := range []string{
		`{"user_id":"` + user + `","timeout":30}`, `{"user_id":"` + user + `","timeout":"1e309"}`, `{"client_user_id":"../é"}`,
		`{"user_ids":["` + user + `","` + strings.ToUpper(user) + `"]}`, `{"all_users":true}`, `{"data":{"user_id":"` + user + `"}}`,
		`{"event_type":"daily.data.x","team_id":"t"}`, `{"user_id":"` + user + `","client_user_id":"app\u0000","max_age":0.29,"request_id":"r-1"}`,
		`{"event_type":"provider.connection.error","team_id":"t","user_id":"` + user + `","data":{"provider":{"slug":"oura"},"error_type":"unknown"}}`,
		`{"user_id":"` + user + `","max_age":"3600.000000001","follow_up":{}}`, `{"user_id":null,"data":null}`, `[]`, `{"timeout":{}}`, ``,
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
		if d.RequestID != "" && !result.IsID(d.RequestID) {
			t.Errorf("%s has the request ID %q", raw, d.RequestID)
		}
		if e := d.ConnectionError; e != nil && (e.Provider == "" || result.Word(e.Provider) != e.Provider || result.Word(e.ErrorType) != e.ErrorType) {
			t.Errorf("%s reports %+v", raw, *e)
		}
		switch {
		case err != nil || d.Ignored:
			return
		case d.All != (len(d.Users) == 0):
			t.Errorf("%s names no user, or users besides all: %+v", raw, d)
		case !d.Many && len(d.Users) > 1:
			t.Errorf("%s names several users: %+v", raw, d)
		case math.IsNaN(d.Timeout) || math.IsInf(d.Timeout, 0):
			t.Errorf("%s has the timeout %v", raw, d.Timeout)
		case d.MaxAge != nil && (*d.MaxAge < 0 || *d.MaxAge > MaxAge):
			t.Errorf("%s has the max_age %v", raw, *d.MaxAge)
		}
		seen := map[string]bool{}
		for _, u := range d.Users {
			if again, err := ParseUserID(u.ID); u.ID != "" && (err != nil || again != u.ID) {
				t.Errorf("%s names %q, which is not a user ID in its one form", raw, u.ID)
			}
			if u == (result.User{}) || u.ID != "" && seen[u.ID] {
				t.Errorf("%s names %+v twice, or nobody", raw, u)
			}
			seen[u.ID] = true
			if u.ClientUserID != "" && !isOneSegment(u.ClientUserID) {
				t.Errorf("%q leaves its place in a path", u.ClientUserID)
			}
		}
	})
}

// isOneSegment reports whether an app's own user ID is one segment of a path, whatever it holds.
func isOneSegment(id string) bool {
	u, err := url.Parse("https://x/resolve/" + url.PathEscape(id))
	return err == nil && u.Path == "/resolve/"+id && strings.Count(u.EscapedPath(), "/") == 2 && u.JoinPath().Path == u.Path
}

// What a message says is safe to log and to publish, and a message that is written is read back.
func FuzzReadMessage(f *testing.F) {
	const user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	for _, seed := range []string{
		`{"user_id":"` + user + `","timeout":30,"trigger":"http-api","request_id":"r-1"}`, `{"all_users":true,"offset":500,"limit":7}`,
		`{"detail-type":"x","source":"y","id":"e-1","detail":{"user_id":"` + user + `"}}`, `{"detail-type":"x","source":"junction.refresh"}`,
		`{"request_id":"a caller's words","trigger":"x"}`, `{"user_id":"` + user + `","client_user_id":"x","max_age":0.29}`, `[]`, ``,
		`{"follow_up":{"user_id":"` + user + `","client_user_id":"a\u0001","in_progress_sources":["oura/sleep",""],"timeout_seconds":30,"upstream_status":202,"started_at":"2026-11-23T18:13:00.5Z","looks":4},"timeout":0,"trigger":"sqs","request_id":"r-1"}`,
		`{"follow_up":{"user_id":"` + user + `","in_progress_sources":["x"],"timeout_seconds":-1,"upstream_status":200,"started_at":"0001-01-02T00:00:00Z","looks":9223372036854775807}}`,
		`{"follow_up":[]}`, `{"follow_up":{"started_at":"2026-11-23"}}`,
	} {
		f.Add(seed)
	}
	r := &Reader{DefaultTimeout: 10, UserIDPaths: [][]string{{"user_id"}}, WebhookEvents: []string{"x"}, Queue: true}
	f.Fuzz(func(t *testing.T, body string) {
		m, err := r.ReadMessage(body)
		if m.RequestID != "" && !result.IsID(m.RequestID) {
			t.Errorf("%s has the request ID %q", body, m.RequestID)
		}
		if m.QueuedBy != "" && !m.QueuedBy.known() {
			t.Errorf("%s has the trigger %q", body, m.QueuedBy)
		}
		if err != nil {
			if m.FollowUp != nil || len(m.Users) > 0 {
				t.Errorf("%s is refused and read: %+v", body, m)
			}
			return
		}
		from := Origin{Trigger: m.QueuedBy, RequestID: m.RequestID}
		if m.FollowUp != nil {
			checkFollowUp(t, *m.FollowUp)
			wantReadBack(t, r, Message{FollowUp: m.FollowUp, Origin: from}, m)
			return
		}
		if m.Ignored || m.All {
			return
		}
		for i, message := range m.Messages(from) {
			want := m
			want.Users, want.Many, want.ConnectionError = m.Users[i:i+1], false, nil
			wantReadBack(t, r, message, want)
		}
	})
}

// wantReadBack fails the test unless a message is read back as want.
func wantReadBack(t *testing.T, r *Reader, m Message, want Received) {
	t.Helper()
	got, err := r.ReadMessage(m.Body())
	if err != nil {
		t.Fatalf("%s cannot be read back: %v", m.Body(), err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s is read back wrong (-want +got):\n%s", m.Body(), diff)
	}
}

// checkFollowUp fails the test unless the next look at a follow-up, and its result, are as this function makes them.
func checkFollowUp(t *testing.T, f result.FollowUp) {
	t.Helper()
	if id, err := ParseUserID(f.UserID); err != nil || id != f.UserID {
		t.Errorf("a follow-up of the user %q", f.UserID)
	}
	if f.ClientUserID != "" && !isOneSegment(f.ClientUserID) {
		t.Errorf("a follow-up of the app's user %q", f.ClientUserID)
	}
	next := f.After(nil)
	out := next.Result()
	if next.Looks < 1 || len(next.InProgress) != len(f.InProgress) || out.Status != result.InProgress {
		t.Errorf("the look after %+v is %+v", f, next)
	}
	if s := out.TimeoutSeconds; s != 0 && (s < 5 || s > 60) || out.DurationMS < 0 || out.Attempts < 0 {
		t.Errorf("the result is %+v", out)
	}
}
