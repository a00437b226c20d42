package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
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
	f, sim, _ := start(t)
	event := `{"user_id":"` + junctiontest.CompletedUserID + `"}`
	invoke(t, f, event)
	sim.Inject(1, junctiontest.ResetConnection())
	if got := invoke(t, f, event); got.Status != result.Completed || got.Attempts != 2 {
		t.Errorf("%+v", got)
	}
}

func TestUntilCallersCanBeAuthenticatedAnHTTPRequestIsRefused(t *testing.T) {
	for _, ways := range []string{"signature,token", "token", "iam"} {
		f, sim, _ := start(t, "CALLER_AUTH="+ways)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		answer, err := f.Invoke(ctx, []byte(`{"version":"2.0","rawPath":"/v2/user/refresh/`+junctiontest.DefaultUserID+`","requestContext":{"http":{"method":"POST"}}}`))
		if err != nil || !strings.Contains(string(answer), `"statusCode":401`) || sim.Total() != 0 {
			t.Errorf("%s: %s %v", ways, answer, err)
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
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	f, sim, _ := start(t, "JUNCTION_API_KEY=", "JUNCTION_SECRET_ID=junction/key")
	_, err := f.Invoke(t.Context(), []byte(`{"user_id":"`+junctiontest.DefaultUserID+`"}`))
	if err == nil || !strings.Contains(err.Error(), "SecretUnavailable") || sim.Total() != 0 {
		t.Error(err)
	}
}

// aws-lambda-go can run several invocations at once in one process (AWS_LAMBDA_MAX_CONCURRENCY).
func TestInvocationsInOneProcessDoNotDisturbEachOther(t *testing.T) {
	f, sim, _ := start(t)
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
