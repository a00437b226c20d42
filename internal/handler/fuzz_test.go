package handler

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
	r := &reader{defaultTimeout: 10, userIDPaths: [][]string{{"user_id"}, {"data", "user_id"}}, webhookEvents: []string{"provider.connection.created"}}
	f.Fuzz(func(t *testing.T, raw []byte, svix bool) {
		d, err := r.read(raw, svix)
		switch {
		case err != nil || d.ignored:
			return
		case d.clientUserID == "" && len(d.userIDs) == 0, d.clientUserID != "" && len(d.userIDs) > 0, !d.many && len(d.userIDs) > 1:
			t.Errorf("%s names %+v", raw, d)
		case d.timeout != d.timeout || d.timeout-d.timeout != 0: // NaN, infinite
			t.Errorf("%s has the timeout %v", raw, d.timeout)
		}
		seen := map[string]bool{}
		for _, id := range d.userIDs {
			if again, err := userID(id); err != nil || again != id || seen[id] {
				t.Errorf("%s names %q", raw, id)
			}
			seen[id] = true
		}
		// Whatever an app's own ID is, it stays one segment of a path.
		if u, err := url.Parse("https://x/resolve/" + url.PathEscape(d.clientUserID)); d.clientUserID != "" &&
			(err != nil || u.Path != "/resolve/"+d.clientUserID || strings.Count(u.EscapedPath(), "/") != 2 || u.JoinPath().Path != u.Path) {
			t.Errorf("%q leaves its place in the path: %v", d.clientUserID, u)
		}
	})
}

func FuzzMatch(f *testing.F) {
	for _, path := range []string{"/v2/user/refresh/x", "/prod/v2/user/refresh/x/", "/webhooks", "/a/webhooks//", "", "/", "v2/user/refresh/%2e%2e", "//v2//user"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		to, segment := match(path)
		if (to == mirrorRoute) != (segment != "") && !strings.Contains(path, "refresh") {
			t.Errorf("%q is %v with %q", path, to, segment)
		}
		if strings.Contains(segment, "/") {
			t.Errorf("%q has the segment %q", path, segment)
		}
		if again, s := match("/stage/base" + "/" + strings.Trim(path, "/") + "/"); to != noRoute && (again != to || s != segment) {
			t.Errorf("%q is another route behind a stage", path)
		}
	})
}
