package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestServeAnswersAsTheDeployedAPIDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	url, stop := server(t, nil, "--speed", "100000", "--addr-file", file)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string // in the response's body
	}{
		{"the mirror route", "POST", "/v2/user/refresh/" + junctiontest.DefaultUserID + "?timeout=60", "", nil, 200, `"status":"partial"`},
		{"a slow user", "POST", "/v2/user/refresh/" + junctiontest.SlowUserID, "", nil, 202, `"status":"in_progress"`},
		{"an unknown user", "POST", "/v2/user/refresh/" + junctiontest.UnknownUserID, "", nil, 404, "user_not_found"},
		{"an ID that is not a UUID", "POST", "/v2/user/refresh/me", "", nil, 422, `"detail":[`},
		{"an app's webhook", "POST", "/webhooks", `{"data":{"user_id":"` + junctiontest.CompletedUserID + `"}}`,
			[]string{"Content-Type", "application/json"}, 202, `"status":"queued"`},
		{"a webhook without a content type, in base64", "POST", "/webhooks", `{"client_user_id":"app-user-completed"}`, nil, 202, `"status":"queued"`},
		{"a caller that does not wait", "POST", "/v2/user/refresh/" + junctiontest.DefaultUserID, "", []string{"Prefer", "respond-async"}, 202, `"status":"queued"`},
		{"a webhook of Junction's that refreshes nothing", "POST", "/webhooks", `{"event_type":"daily.data.sleep.created"}`,
			[]string{"Content-Type", "application/json", "Svix-Id", "msg_1"}, 200, `"status":"ignored"`},
		{"an unknown route", "POST", "/other", "", nil, 404, "not_found"},
		{"another method", "GET", "/webhooks", "", nil, 405, "method_not_allowed"},
		{"more than API Gateway accepts", "POST", "/webhooks", strings.Repeat("x", 10<<20+1), nil, 413, `{"message":"Request Entity Too Large"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, test.method, url+test.path, test.body, test.header...)
			if resp.StatusCode != test.status || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Apigw-Requestid") == "" {
				t.Errorf("%s with %v, want status %d", resp.Status, resp.Header, test.status)
			}
			mustContain(t, body, test.want)
		})
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != url+"\n" {
		t.Errorf("the address file has %q, %v", written, err)
	}
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "curl -X POST '"+url+"/v2/user/refresh/"+junctiontest.DefaultUserID, "curl '"+url+"/webhooks'")
	mustContain(t, stderr, " POST /v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=60 200 ", " GET /webhooks 405 ", "finishing the running invocations")
	mustNotContain(t, stdout+stderr, junctiontest.DefaultKey)
}

func TestTheMirrorRouteIsClampedToTheGateways30Seconds(t *testing.T) {
	url, stop := server(t, nil)
	defer stop()
	_, body := send(t, "POST", url+"/v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=60", "")
	var out result.Result
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.TimeoutSeconds != 28 || out.RequestedTimeoutSeconds != 60 {
		t.Errorf("%v: %s", err, body)
	}
}

func TestServeLiveDoesNotNameTheSimulatorsUsers(t *testing.T) {
	_, stop := server(t, []string{"JUNCTION_API_KEY=" + ownKey}, "--live")
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "/v2/user/refresh/USER_ID")
	mustNotContain(t, stdout+stderr, junctiontest.DefaultUserID, ownKey)
}

func TestTheWarningNamesWhoIsLetIn(t *testing.T) {
	token, secret := sensitive.New(ownToken), sensitive.New(ownSecret)
	for _, test := range []struct {
		name string
		g    Globals
		want string
	}{
		{"without --auth", Globals{}, "everybody"},
		{"with --auth none", Globals{Auth: "none"}, "everybody"},
		{"with the development credentials", Globals{Auth: "token"}, "everybody who has read the development token or secret in the source"},
		{"with one development credential", Globals{Auth: "token", Token: token}, "everybody who has read the development token or secret in the source"},
		{"with own credentials", Globals{Auth: "token", Token: token, WebhookSecret: secret}, "everybody with your token or signature"},
		{"live", Globals{Auth: "token", Live: true}, "everybody with your token or signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.g.callers(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
