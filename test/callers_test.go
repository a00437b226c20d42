package test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// What callers show. The webhook secret is that of the Standard Webhooks project's own tests.
const (
	callerToken  = "a-token-of-the-whole-process-tests"
	callerSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	callerBundle = `{"api_key":"` + teamKey + `","tokens":["` + callerToken + `"],"webhook_secrets":["` + callerSecret + `"]}`
)

// ignoredBody is a webhook that is let in or refused like any other, and calls nobody.
const ignoredBody = `{"event_type":"daily.data.sleep.created","team_id":"5f3c1a88-2b7d-4c1e-8a90-d1e6f2b34c57","user_id":"` + junctiontest.DefaultUserID + `"}`

// door is a way to the built function: it delivers a request and returns what was answered.
type door func(t *testing.T, path string, header http.Header, body string) knocked

// knocked is an answer.
type knocked struct {
	status int
	header map[string]string
	body   string
}

// serveDoor starts `cmd/local serve` for callers with the token or the webhook secret, and other
// arguments. It needs nothing but Go.
func serveDoor(t *testing.T, args ...string) (url string, open door) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	args = append([]string{"serve", "127.0.0.1:0", "--addr-file", file, "--speed", "100000", "--auth", "signature,token",
		"--token", callerToken, "--webhook-secret", callerSecret}, args...)
	server, err := start(os.Environ(), must(t)(buildLocal()), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.stop()
		if output := server.stdout.String() + server.stderr.String(); strings.Contains(output, callerToken) || strings.Contains(output, callerSecret) {
			t.Errorf("a secret is on the terminal: %s", output)
		}
	})
	err = server.until("wrote its address", func() bool {
		text, err := os.ReadFile(file)
		url = strings.TrimSpace(string(text))
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	return url, func(t *testing.T, path string, header http.Header, body string) knocked {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header.Clone()
		request.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		answered := map[string]string{}
		for _, name := range []string{"Content-Type", "Cache-Control", "Www-Authenticate"} {
			answered[strings.ToLower(name)] = resp.Header.Get(name)
		}
		return knocked{resp.StatusCode, answered, string(text)}
	}
}

// httpAPIDoor hands requests to the bootstrap as an HTTP API does, which joins what has one name.
func httpAPIDoor(function *lambda) door {
	return func(t *testing.T, path string, header http.Header, body string) knocked {
		t.Helper()
		joined := map[string]string{}
		for name, values := range header {
			joined[strings.ToLower(name)] = strings.Join(values, ",")
		}
		return knock(t, function, map[string]any{
			"version": "2.0", "rawPath": path, "headers": joined, "body": body,
			"requestContext": map[string]any{"http": map[string]string{"method": "POST", "path": path}},
		})
	}
}

// restAPIDoor hands requests to the bootstrap as a REST API does, with each value of its own.
func restAPIDoor(function *lambda) door {
	return func(t *testing.T, path string, header http.Header, body string) knocked {
		t.Helper()
		single := map[string]string{}
		for name, values := range header {
			single[name] = values[len(values)-1]
		}
		return knock(t, function, map[string]any{
			"path": path, "httpMethod": "POST", "headers": single, "multiValueHeaders": header, "body": body,
			"requestContext": map[string]string{"httpMethod": "POST", "path": path},
		})
	}
}

func knock(t *testing.T, function *lambda, event map[string]any) knocked {
	t.Helper()
	answer := decode[struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}](t, function.invoke(t, string(encode(t, event))))
	header := map[string]string{}
	for name, value := range answer.Headers {
		header[strings.ToLower(name)] = value
	}
	return knocked{answer.StatusCode, header, answer.Body}
}

// guardedLambda is the bootstrap before callers who must show who they are.
func guardedLambda(t *testing.T, bundle string, environments ...map[string]string) *lambda {
	t.Helper()
	s := newSecret(t, bundle)
	return startLambda(t, 90, append([]map[string]string{s.environment(), {"CALLER_AUTH": "signature,token"}}, environments...)...)
}

// signedHeader is what a sender with a secret puts before a body, as the Standard Webhooks library
// for Go makes it, under "Webhook-" or "Svix-".
func signedHeader(t *testing.T, prefix, secret string, at time.Time, body string) http.Header {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	const id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	signature, err := signer.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{prefix + "Id": {id}, prefix + "Timestamp": {unix(at)}, prefix + "Signature": {signature}}
}

func TestACallerWithATokenOrASignatureIsLetInAndNobodyElse(t *testing.T) {
	t.Parallel()
	junction := newJunction(t)
	function := guardedLambda(t, callerBundle, map[string]string{"JUNCTION_BASE_URL": junction.URL})
	mirror, hook := "/v2/user/refresh/"+junctiontest.CompletedUserID, `{"user_id":"`+junctiontest.CompletedUserID+`"}`
	for says, open := range map[string]door{"HTTP API": httpAPIDoor(function), "REST API": restAPIDoor(function)} {
		for _, test := range []struct {
			says   string
			path   string
			header http.Header
			status int
		}{
			{"a bearer", mirror, http.Header{"Authorization": {"Bearer " + callerToken}}, 200},
			{"an SDK, in another case", mirror, http.Header{"x-VITAL-api-key": {callerToken}}, 200},
			{"a bearer with a webhook", "/webhooks", http.Header{"Authorization": {"bearer " + callerToken}}, 200},
			{"a signer", "/webhooks", signedHeader(t, "Svix-", callerSecret, time.Now(), hook), 200},
			{"a signer behind a stage", "/prod/webhooks/", signedHeader(t, "Webhook-", callerSecret, time.Now(), hook), 200},
			{"a signer of another route", mirror, signedHeader(t, "Svix-", callerSecret, time.Now(), hook), 401},
			{"somebody with the team key", mirror, http.Header{"X-Vital-Api-Key": {teamKey}}, 401},
			{"somebody with the webhook secret", mirror, http.Header{"X-Vital-Api-Key": {callerSecret}}, 401},
			{"nobody", mirror, http.Header{}, 401},
			{"nobody, where there is no route", "/other", http.Header{}, 401},
			{"a bearer, where there is no route", "/other", http.Header{"Authorization": {"Bearer " + callerToken}}, 404},
		} {
			if got := open(t, test.path, test.header, hook); got.status != test.status {
				t.Errorf("%s, %s: %d %s", says, test.says, got.status, got.body)
			}
		}
	}
	// Three with a token at two doors, and the one delivery, however often it comes.
	if n := len(junction.sent()); n != 7 {
		t.Errorf("Junction was called %d times, want 7", n)
	}
	for _, never := range []string{callerToken, callerSecret, strings.TrimPrefix(callerSecret, "whsec_"), teamKey} {
		if strings.Contains(function.output(), never) {
			t.Errorf("%q is in the log", never)
		}
	}
}
