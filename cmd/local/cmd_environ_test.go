package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// ownKey stands for the user's own key.
const ownKey = "sk_us_0123456789_their_own"

func TestWithoutLiveTheUsersEnvironmentIsNotUsed(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	got := localWith(t, "", []string{
		"JUNCTION_API_KEY=" + ownKey, "JUNCTION_BASE_URL=" + server.URL, "JUNCTION_ENVIRONMENT=production",
		"JUNCTION_SECRET_ID=theirs", "AWS_LAMBDA_FUNCTION_NAME=theirs", "MAX_ATTEMPTS=none", "CALLER_AUTH=token",
	})
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"status": "partial"`)
	mustNotContain(t, got.stdout+got.stderr, ownKey)
	if called {
		t.Error("the user's JUNCTION_BASE_URL was called")
	}
}

func TestALiveRunCallsJunctionWithTheUsersKey(t *testing.T) {
	junction := junctiontest.New(junctiontest.WithKeys(ownKey))
	server, err := junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	environ := []string{"JUNCTION_API_KEY=" + ownKey, "JUNCTION_BASE_URL=" + server.URL(), "JUNCTION_ENVIRONMENT=sandbox"}

	event := fmt.Sprintf(`{"user_id":%q,"note":%q}`, junctiontest.CompletedUserID, ownKey)
	got := localWith(t, event, environ, "invoke", "-", "--live", "--timeout", "20", "--verbose")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "trigger direct", "live: only what the results tell",
		"POST /v2/user/refresh/"+junctiontest.CompletedUserID+"?timeout=20  attempts: 1, last status: 200", `"status": "completed"`)
	mustNotContain(t, got.stdout+got.stderr, ownKey)
	if n := junction.Calls(junctiontest.CompletedUserID); n != 1 {
		t.Errorf("Junction was called %d times", n)
	}

	environ[2] = "JUNCTION_ENVIRONMENT=production_eu"
	got = localWith(t, event, environ, "invoke", "-", "--live")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "the key is for sandbox, and JUNCTION_ENVIRONMENT is production_eu")
}

func TestAKeyInAVariableIsNotPrinted(t *testing.T) {
	got := local(t, "--config", `JUNCTION_API_KEY={"api_key":"`+ownKey+`","tokens":["a-long-token"]}`, "--verbose")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "upstream_unauthorized", "X-Vital-Api-Key: sk_us_****")
	mustNotContain(t, got.stdout+got.stderr, ownKey, "a-long-token")
}

func TestAValueMayHaveCommas(t *testing.T) {
	got := local(t, "--config", "CALLER_AUTH=signature,token")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "HTTP 401 Unauthorized", "Nothing.")
}
