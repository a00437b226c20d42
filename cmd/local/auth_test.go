package main

import (
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const theirToken = "a-token-of-their-own"

func TestWithAuthOnlyCallersThatShowWhoTheyAreAreLetIn(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000", "--auth", "signature,token")
	mirror, bearer := url+"/v2/user/refresh/"+junctiontest.CompletedUserID, "Bearer "+developmentToken
	for _, test := range []struct {
		name, url string
		header    []string
		status    int
	}{
		{"nobody", mirror, nil, 401},
		{"a bearer", mirror, []string{"Authorization", bearer}, 200},
		{"an SDK", mirror, []string{"X-Vital-Api-Key", developmentToken}, 200},
		{"somebody with the team key", mirror, []string{"X-Vital-Api-Key", junctiontest.DefaultKey}, 401},
		{"somebody who guesses", mirror, []string{"X-Vital-Api-Key", developmentToken + "!"}, 401},
		{"nobody, where there is nothing", url + "/other", nil, 401},
		{"a bearer, where there is nothing", url + "/other", []string{"Authorization", bearer}, 404},
	} {
		if resp, body := send(t, "POST", test.url, "", test.header...); resp.StatusCode != test.status {
			t.Errorf("%s: %s %s", test.name, resp.Status, body)
		}
	}
	status, stdout, stderr := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout, "-H 'authorization: Bearer "+developmentToken+"'", "sign events/http-api-junction-webhook.json --url "+url+" | sh", developmentWebhookSecret)
	mustNotContain(t, stdout+stderr, junctiontest.DefaultKey)
}

func TestATokenAndASecretOfTheUsersOwnAreTakenAndNotShown(t *testing.T) {
	url, stop := server(t, nil, "--verbose", "--auth", "signature, token", "--token", theirToken, "--webhook-secret", theirSecret)
	mirror := url + "/v2/user/refresh/" + junctiontest.CompletedUserID
	if resp, body := send(t, "POST", mirror, "", "Authorization", "Bearer "+theirToken); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := send(t, "POST", mirror, "", "Authorization", "Bearer "+developmentToken); resp.StatusCode != 401 {
		t.Errorf("the development token is answered %s", resp.Status)
	}
	_, stdout, stderr := stop()
	mustContain(t, stdout, "YOUR_TOKEN", "JUNCTION_WEBHOOK_SECRET=YOUR_SECRET go run")
	mustNotContain(t, stdout+stderr, theirToken, theirSecret, developmentToken, developmentWebhookSecret)
}

func TestTheGreetingIsOfTheWaysThatLetIn(t *testing.T) {
	for auth, says := range map[string]string{
		"": "Everybody is let in", "none": "Everybody is let in", "signature": "with a signed webhook", "iam": "that way lets nobody in", "token": "Bearer",
	} {
		_, stop := server(t, nil, "--auth", auth)
		_, stdout, _ := stop()
		mustContain(t, stdout, says)
		if withCurl := auth != "signature" && auth != "iam"; strings.Contains(stdout, "curl -X POST") != withCurl {
			t.Errorf("%q: %s", auth, stdout)
		}
	}
}

func TestALiveRunWithAuthTakesWhatTheUsersSecretHas(t *testing.T) {
	key := "JUNCTION_API_KEY="
	for name, test := range map[string]struct {
		value, token string
		status       int
	}{
		"its own token":                               {`{"api_key":"` + theirKey + `","tokens":["` + theirToken + `"]}`, theirToken, 404},
		"and not the development one beside it":       {`{"api_key":"` + theirKey + `","tokens":["` + theirToken + `"]}`, developmentToken, 401},
		"else the development one":                    {theirKey, developmentToken, 404},
		"and never the key, whatever it is taken for": {theirKey, theirKey, 401},
	} {
		url, stop := server(t, []string{key + test.value}, "--live", "--auth", "token")
		if resp, _ := send(t, "POST", url+"/other", "", "X-Vital-Api-Key", test.token); resp.StatusCode != test.status {
			t.Errorf("%s: %s", name, resp.Status)
		}
		_, stdout, stderr := stop()
		mustNotContain(t, stdout+stderr, theirKey, theirToken)
	}
	got := localWith(t, "", []string{key + "{"}, "serve", "127.0.0.1:0", "--live", "--auth", "token")
	got.mustExit(t, exitUsage)
	mustContain(t, got.stderr, "JUNCTION_API_KEY: the secret begins with {")
}

func TestInvokeSignsTheEventAnewAndLetsInWhoSigns(t *testing.T) {
	for _, name := range []string{"http-api-junction-webhook", "http-api-webhook", "http-api-webhook-base64"} {
		file := "../../events/" + name + ".json"
		got := local(t, "invoke", file, "--auth", "signature", "--speed", "100000")
		got.mustExit(t, exitFailed)
		mustContain(t, got.stdout, "HTTP 401")
		got = local(t, "invoke", file, "--sign", "--speed", "100000")
		got.mustExit(t, exitOK)
		mustContain(t, got.stdout, `"svix-signature": "v1,`)
		local(t, "invoke", file, "--sign", "--auth", "signature", "--secret", theirSecret, "--speed", "100000").mustExit(t, exitOK)
		local(t, "invoke", file, "--sign", "--auth", "token").mustExit(t, exitFailed)
	}
	rest := `{"requestContext":{"httpMethod":"POST"},"httpMethod":"POST","path":"/x/webhooks","headers":{"Webhook-Id":"old","A":"b"},
		"multiValueHeaders":{"Webhook-Id":["old"],"A":["b"]},"body":"{\"client_user_id\":\"app-user-completed\"}"}`
	got := localWith(t, rest, nil, "invoke", "-", "--sign", "--speed", "100000")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"webhook-signature": [`, `"A": "b"`, "trigger rest-api")
	mustNotContain(t, got.stdout, `"old"`)
}

func TestInvokeSignsWithTheSecretThatTheFunctionVerifiesWith(t *testing.T) {
	event := "../../events/http-api-junction-webhook.json"
	got := localWith(t, "", []string{"JUNCTION_WEBHOOK_SECRET=" + theirSecret}, "invoke", event, "--sign", "--speed", "100000")
	got.mustExit(t, exitOK)
	got = local(t, "invoke", event, "--sign", "--secret", theirSecret, "--speed", "100000")
	got.mustExit(t, exitOK)
	mustNotContain(t, got.stdout+got.stderr, theirSecret)

	live := []string{`JUNCTION_API_KEY={"api_key":"` + theirKey + `","webhook_secrets":["` + theirSecret + `"]}`}
	got = localWith(t, "", live, "invoke", "../../events/http-api-junction-webhook-ignored.json", "--sign", "--live")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"status": "ignored"`)
	mustNotContain(t, got.stdout+got.stderr, theirSecret, theirKey)
}
