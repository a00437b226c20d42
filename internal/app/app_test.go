package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// start returns the function before a simulated Junction, and its log.
func start(t *testing.T, environ ...string) (*handler.Handler, *junctiontest.Simulator, *bytes.Buffer) {
	t.Helper()
	sim := junctiontest.New(junctiontest.WithSpeed(math.Inf(1)))
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	log := &bytes.Buffer{}
	environ = append([]string{"JUNCTION_BASE_URL=" + server.URL, "JUNCTION_API_KEY=" + junctiontest.DefaultKey, "CALLER_AUTH=none"}, environ...)
	f, err := app.New(environ, "test", slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return f, sim, log
}

// outOfReach lets one of AWS's services refuse connections.
func outOfReach(t *testing.T, endpoint string) {
	t.Helper()
	t.Setenv(endpoint, "http://127.0.0.1:1")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
}

func invoke(t *testing.T, f *handler.Handler, event string) result.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	answer, err := f.Invoke(ctx, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	var out result.Result
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return out
}

func TestARefreshGoesFromTheEventToJunctionAndBack(t *testing.T) {
	f, sim, log := start(t)
	got := invoke(t, f, `{"user_id":"`+junctiontest.DefaultUserID+`","timeout":30}`)
	if got.Status != result.Partial || strings.Join(got.FailedSources, "") != "oura/sleep" || len(got.RefreshedSources) != 3 || got.TimeoutSeconds != 30 {
		t.Errorf("%+v", got)
	}
	sent := sim.Requests()
	if len(sent) != 1 || sent[0].RawQuery != "timeout=30" || sent[0].Header.Get("User-Agent") != "junction-refresh/test" {
		t.Errorf("%v", sent)
	}
	if strings.Contains(log.String(), junctiontest.DefaultKey) || !strings.Contains(log.String(), "CALLER_AUTH is none") {
		t.Error(log)
	}
}

func TestAnAppsOwnIDIsResolvedFirst(t *testing.T) {
	f, sim, _ := start(t)
	got := invoke(t, f, `{"client_user_id":"`+junctiontest.CompletedClientUserID+`"}`)
	if got.Status != result.Completed || got.UserID != junctiontest.CompletedUserID || sim.Total() != 2 {
		t.Errorf("%+v", got)
	}
	if got := invoke(t, f, `{"client_user_id":"nobody@example.com"}`); got.ErrorCode != result.UserNotFound || strings.Contains(got.Error, "nobody") {
		t.Errorf("%+v", got)
	}
}

func TestADeadIdleConnectionIsARetryAndNotAFailure(t *testing.T) {
	f, sim, _ := start(t, "COALESCE_WINDOW=0s")
	event := `{"user_id":"` + junctiontest.CompletedUserID + `"}`
	invoke(t, f, event)
	sim.Inject(1, junctiontest.ResetConnection())
	if got := invoke(t, f, event); got.Status != result.Completed || got.Attempts != 2 {
		t.Errorf("%+v", got)
	}
}

// bundle is a secret with everything in it, as JUNCTION_API_KEY takes it too.
const bundle = `{"api_key":"` + junctiontest.DefaultKey + `","tokens":["a-token-for-tests-1"],"webhook_secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}`

func TestAnHTTPCallerIsLetInByTheWaysOfCALLER_AUTH(t *testing.T) {
	body := `{"user_id":"` + junctiontest.CompletedUserID + `"}`
	signed, err := auth.Sign(sensitive.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_1", time.Now(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	event := func(context map[string]any, header http.Header) string {
		headers := map[string]string{}
		for name := range header {
			headers[strings.ToLower(name)] = header.Get(name)
		}
		context["http"] = map[string]string{"method": "POST"}
		text, _ := json.Marshal(map[string]any{
			"version": "2.0", "rawPath": "/webhooks", "headers": headers, "requestContext": context,
			"body": base64.StdEncoding.EncodeToString([]byte(body)), "isBase64Encoded": true,
		})
		return string(text)
	}
	iam := map[string]any{"authorizer": map[string]any{"iam": map[string]string{"accessKey": "AKIAEXAMPLE", "userArn": "arn:aws:iam::123456789012:user/x"}}}
	notIAM := map[string]any{"authorizer": map[string]any{"lambda": map[string]any{"iam": map[string]string{"accessKey": "x", "userArn": "y"}}}}
	rest := func(identity string) string {
		return `{"path":"/webhooks","body":` + strconv.Quote(body) + `,"requestContext":{"httpMethod":"POST","identity":` + identity + `}}`
	}
	for _, c := range []struct{ name, ways, event, status string }{
		{"a stranger", "signature,token,iam", event(map[string]any{}, nil), "401"},
		{"a stranger where all may call", "none", event(map[string]any{}, nil), "200"},
		{"a signature", "signature,token", event(map[string]any{}, signed), "200"},
		{"a signature where only tokens count", "token", event(map[string]any{}, signed), "401"},
		{"a token", "token", event(map[string]any{}, http.Header{"Authorization": {"Bearer a-token-for-tests-1"}}), "200"},
		{"a wrong token", "signature,token", event(map[string]any{}, http.Header{"Authorization": {"Bearer a-token-for-tests-2"}}), "401"},
		{"IAM", "iam", event(iam, nil), "200"},
		{"IAM where only tokens count", "token", event(iam, nil), "401"},
		{"a Lambda authorizer that calls itself IAM", "iam", event(notIAM, nil), "401"},
		{"IAM on a REST API", "iam", rest(`{"accessKey":"AKIAEXAMPLE","userArn":"arn:aws:iam::123456789012:user/x"}`), "200"},
		{"an API key alone on a REST API", "iam", rest(`{"apiKey":"x","accessKey":null,"userArn":null}`), "401"},
	} {
		f, _, log := start(t, "CALLER_AUTH="+c.ways, "JUNCTION_API_KEY="+bundle)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		answer, err := f.Invoke(ctx, []byte(c.event))
		cancel()
		if err != nil || !strings.Contains(string(answer), `"statusCode":`+c.status) {
			t.Errorf("%s: %s %v", c.name, answer, err)
		}
		if strings.Contains(log.String(), "a-token") || strings.Contains(log.String(), "whsec_") || strings.Contains(log.String(), "v1,") {
			t.Errorf("%s: a secret is logged: %s", c.name, log)
		}
	}
}

func TestEntriesOfTheSecretThatLetNobodyInAreWarnedOf(t *testing.T) {
	f, _, log := start(t, `JUNCTION_API_KEY={"api_key":"`+junctiontest.DefaultKey+`","tokens":["short"]}`)
	invoke(t, f, `{"user_id":"`+junctiontest.DefaultUserID+`"}`)
	if !strings.Contains(log.String(), "empty or too short") || strings.Contains(log.String(), `"short"`) {
		t.Error(log)
	}
}

func TestWithoutATableTheQuotaHoldsWithinTheInstance(t *testing.T) {
	f, sim, _ := start(t, "QUOTA_LIMIT=2", "COALESCE_WINDOW=0s")
	event := `{"user_id":"` + junctiontest.NoSourcesUserID + `"}`
	for range 2 {
		if got := invoke(t, f, event); got.ErrorCode != result.NoConnectedSources {
			t.Errorf("%+v", got)
		}
	}
	_, err := f.Invoke(t.Context(), []byte(event))
	if err == nil || !strings.Contains(err.Error(), "RateLimited") || sim.Calls(junctiontest.NoSourcesUserID) != 2 {
		t.Errorf("%v after %d calls", err, sim.Calls(junctiontest.NoSourcesUserID))
	}
}

func TestASecondRefreshWithinAMinuteIsAnsweredByTheFirst(t *testing.T) {
	f, sim, _ := start(t)
	event := `{"user_id":"` + junctiontest.DefaultUserID + `"}`
	first, second := invoke(t, f, event), invoke(t, f, event)
	first.Coalesced = true
	want, _ := json.Marshal(first)
	if got, _ := json.Marshal(second); !bytes.Equal(got, want) || sim.Calls(junctiontest.DefaultUserID) != 1 {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestADeliveryThatComesAgainIsAnsweredAsBeforeUnlessItFailed(t *testing.T) {
	event := func(id string) []byte {
		return []byte(`{"version":"2.0","rawPath":"/webhooks","headers":{"webhook-id":"` + id + `"},"requestContext":{"http":{"method":"POST"}},"body":` +
			strconv.Quote(`{"user_id":"`+junctiontest.CompletedUserID+`"}`) + `}`)
	}
	f, sim, _ := start(t, "QUOTA_LIMIT=0", "COALESCE_WINDOW=0s", "MAX_ATTEMPTS=1")
	sim.Inject(1, junctiontest.Status(503))
	for i, want := range []struct {
		id    string
		calls int
	}{{"msg_1", 1}, {"msg_1", 2}, {"msg_1", 2}, {"msg_2", 3}} {
		if _, err := f.Invoke(t.Context(), event(want.id)); err != nil || sim.Calls(junctiontest.CompletedUserID) != want.calls {
			t.Errorf("delivery %d: %d calls, want %d (%v)", i, sim.Calls(junctiontest.CompletedUserID), want.calls, err)
		}
	}
	first, _ := f.Invoke(t.Context(), event("msg_2"))
	second, _ := f.Invoke(t.Context(), event("msg_2"))
	if !bytes.Equal(first, second) {
		t.Errorf("answered %s and %s", first, second)
	}
}

func TestATableThatCannotBeAskedStopsNoRefreshAndIsLogged(t *testing.T) {
	outOfReach(t, "AWS_ENDPOINT_URL_DYNAMODB")
	for _, off := range []string{"QUOTA_LIMIT=8", "QUOTA_LIMIT=0"} {
		f, _, log := start(t, "QUOTA_TABLE=nowhere", off, "COALESCE_WINDOW=0s")
		if got := invoke(t, f, `{"user_id":"`+junctiontest.DefaultUserID+`"}`); got.Status != result.Partial {
			t.Errorf("%+v", got)
		}
		if strings.Contains(log.String(), "quota_error") != (off == "QUOTA_LIMIT=8") {
			t.Error(log)
		}
	}
}

func TestEveryEnvironmentThatTheConfigurationTakesIsOneThatTheClientKnows(t *testing.T) {
	for _, environment := range config.Environments {
		if err := junction.New(junction.Options{Environment: environment}).Check(sensitive.New("a key without a prefix")); err != nil {
			t.Errorf("%s: %v", environment, err)
		}
	}
}

func TestAFunctionWithAFaultyConfigurationIsNotMade(t *testing.T) {
	_, err := app.New([]string{"MAX_ATTEMPTS=x", "SECRET_TTL=y"}, "test", slog.New(slog.DiscardHandler))
	for _, name := range []string{"MAX_ATTEMPTS", "SECRET_TTL", "JUNCTION_SECRET_ID"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not in %v", name, err)
		}
	}
}

func TestTheKeyComesFromSecretsManagerWhereNoneIsGiven(t *testing.T) {
	outOfReach(t, "AWS_ENDPOINT_URL_SECRETS_MANAGER")
	f, sim, _ := start(t, "JUNCTION_API_KEY=", "JUNCTION_SECRET_ID=junction/key")
	_, err := f.Invoke(t.Context(), []byte(`{"user_id":"`+junctiontest.DefaultUserID+`"}`))
	if err == nil || !strings.Contains(err.Error(), "SecretUnavailable") || sim.Total() != 0 {
		t.Error(err)
	}
}

// aws-lambda-go can run several invocations at once in one process (AWS_LAMBDA_MAX_CONCURRENCY).
func TestInvocationsInOneProcessDoNotDisturbEachOther(t *testing.T) {
	f, sim, _ := start(t, "QUOTA_LIMIT=0", "COALESCE_WINDOW=0s")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if got := invoke(t, f, `{"user_id":"`+junctiontest.DefaultUserID+`"}`); got.UserID != junctiontest.DefaultUserID {
				t.Errorf("%+v", got)
			}
			if got := invoke(t, f, `{"client_user_id":"`+junctiontest.CompletedClientUserID+`"}`); got.UserID != junctiontest.CompletedUserID {
				t.Errorf("%+v", got)
			}
		})
	}
	wait.Wait()
	if sim.Calls(junctiontest.DefaultUserID) != 8 {
		t.Errorf("%d calls", sim.Calls(junctiontest.DefaultUserID))
	}
}
