package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const ownToken = "a-token-of-their-own"

func TestWithAuthOnlyAuthenticatedCallersAreLetIn(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000", "--auth", "signature,token")
	mirror, bearer := url+"/v2/user/refresh/"+junctiontest.CompletedUserID, "Bearer "+developmentToken
	for _, test := range []struct {
		name, url string
		header    []string
		status    int
	}{
		{"no credentials", mirror, nil, 401},
		{"a bearer token", mirror, []string{"Authorization", bearer}, 200},
		{"the token in an SDK's header", mirror, []string{"X-Vital-Api-Key", developmentToken}, 200},
		{"the team key", mirror, []string{"X-Vital-Api-Key", junctiontest.DefaultKey}, 401},
		{"a wrong token", mirror, []string{"X-Vital-Api-Key", developmentToken + "!"}, 401},
		{"no credentials on an unknown route", url + "/other", nil, 401},
		{"a bearer token on an unknown route", url + "/other", []string{"Authorization", bearer}, 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			if resp, body := send(t, "POST", test.url, "", test.header...); resp.StatusCode != test.status {
				t.Errorf("%s %s, want %d", resp.Status, body, test.status)
			}
		})
	}
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "-H 'authorization: Bearer "+developmentToken+"'", "sign events/http-api-junction-webhook.json --url "+url+" | sh", developmentWebhookSecret)
	mustNotContain(t, stdout+stderr, junctiontest.DefaultKey)
}

func TestAnOwnTokenAndSecretAreUsedAndNotPrinted(t *testing.T) {
	url, stop := server(t, nil, "--verbose", "--auth", "signature, token", "--token", ownToken, "--webhook-secret", ownSecret)
	mirror := url + "/v2/user/refresh/" + junctiontest.CompletedUserID
	if resp, body := send(t, "POST", mirror, "", "Authorization", "Bearer "+ownToken); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := send(t, "POST", mirror, "", "Authorization", "Bearer "+developmentToken); resp.StatusCode != 401 {
		t.Errorf("the development token is answered %s", resp.Status)
	}
	_, stdout, stderr := stop()
	mustContain(t, stdout, "YOUR_TOKEN", "JUNCTION_WEBHOOK_SECRET=YOUR_SECRET go run")
	mustNotContain(t, stdout+stderr, ownToken, ownSecret, developmentToken, developmentWebhookSecret)
}

func TestTheGreetingShowsHowToGetIn(t *testing.T) {
	for _, test := range []struct {
		auth, greeting string
		curl           bool // there is something that curl alone can send
	}{
		{"", "Callers are not authenticated", true},
		{"none", "Callers are not authenticated", true},
		{"signature", "Send a signed webhook", false},
		{"iam", "iam lets nobody in", false},
		{"token", "Bearer", true},
	} {
		t.Run(test.auth, func(t *testing.T) {
			_, stop := server(t, nil, "--auth", test.auth)
			_, stdout, _ := stop()
			mustContain(t, stdout, test.greeting)
			if strings.Contains(stdout, "curl -X POST") != test.curl {
				t.Errorf("curl alone: want %v in\n%s", test.curl, stdout)
			}
		})
	}
}

func TestALiveRunWithAuthTakesTheTokensOfTheUsersSecret(t *testing.T) {
	for name, test := range map[string]struct {
		value, token string
		status       int
	}{
		"its token":                            {`{"api_key":"` + ownKey + `","tokens":["` + ownToken + `"]}`, ownToken, 404},
		"not the development token too":        {`{"api_key":"` + ownKey + `","tokens":["` + ownToken + `"]}`, developmentToken, 401},
		"the development token if it has none": {ownKey, developmentToken, 404},
		"never the key":                        {ownKey, ownKey, 401},
	} {
		t.Run(name, func(t *testing.T) {
			url, stop := server(t, []string{"JUNCTION_API_KEY=" + test.value}, "--live", "--auth", "token")
			if resp, _ := send(t, "POST", url+"/other", "", "X-Vital-Api-Key", test.token); resp.StatusCode != test.status {
				t.Errorf("%s, want %d", resp.Status, test.status)
			}
			_, stdout, stderr := stop()
			mustNotContain(t, stdout+stderr, ownKey, ownToken)
		})
	}
	t.Run("nothing of a secret that cannot be read", func(t *testing.T) {
		got := localWith(t, "", []string{"JUNCTION_API_KEY={"}, "serve", "127.0.0.1:0", "--live", "--auth", "token")
		got.mustExit(t, exitUsage)
		mustContain(t, got.stderr, "JUNCTION_API_KEY: the secret begins with {")
	})
}

func TestInvokeWithSignReplacesTheEventsSignature(t *testing.T) {
	for _, name := range []string{"http-api-junction-webhook", "http-api-webhook", "http-api-webhook-base64"} {
		t.Run(name, func(t *testing.T) {
			file := "../../events/" + name + ".json"
			got := local(t, "invoke", file, "--auth", "signature", "--speed", "100000")
			got.mustExit(t, exitFailed)
			mustContain(t, got.stdout, "HTTP 401")
			got = local(t, "invoke", file, "--sign", "--speed", "100000")
			got.mustExit(t, exitOK)
			mustContain(t, got.stdout, `"svix-signature": "v1,`)
			local(t, "invoke", file, "--sign", "--auth", "signature", "--secret", ownSecret, "--speed", "100000").mustExit(t, exitOK)
			local(t, "invoke", file, "--sign", "--auth", "token").mustExit(t, exitFailed)
		})
	}
}

func TestInvokeWithSignKeepsTheOtherHeadersOfARESTAPI(t *testing.T) {
	event := awstest.Request{
		Path: "/x/webhooks", Header: http.Header{"Webhook-Id": {"old"}, "A": {"b"}}, Body: `{"client_user_id":"app-user-completed"}`,
	}.RESTAPI()
	got := localWith(t, event, nil, "invoke", "-", "--sign", "--speed", "100000")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"webhook-signature": [`, `"A": "b"`, "trigger rest-api")
	mustNotContain(t, got.stdout, `"old"`)
}

func TestInvokeSignsWithTheSecretThatTheFunctionVerifiesWith(t *testing.T) {
	const event, ignored = "../../events/http-api-junction-webhook.json", "../../events/http-api-junction-webhook-ignored.json"
	t.Run("not the one in the environment", func(t *testing.T) {
		localWith(t, "", []string{"JUNCTION_WEBHOOK_SECRET=" + ownSecret}, "invoke", event, "--sign", "--speed", "100000").mustExit(t, exitOK)
	})
	t.Run("the one of the flag", func(t *testing.T) {
		got := local(t, "invoke", event, "--sign", "--secret", ownSecret, "--speed", "100000")
		got.mustExit(t, exitOK)
		mustNotContain(t, got.stdout+got.stderr, ownSecret)
	})
	t.Run("in a live run the one of the user's secret", func(t *testing.T) {
		environ := []string{`JUNCTION_API_KEY={"api_key":"` + ownKey + `","webhook_secrets":["` + ownSecret + `"]}`}
		got := localWith(t, "", environ, "invoke", ignored, "--sign", "--live")
		got.mustExit(t, exitOK)
		mustContain(t, got.stdout, `"status": "ignored"`)
		mustNotContain(t, got.stdout+got.stderr, ownSecret, ownKey)
	})
}
