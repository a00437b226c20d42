package contract

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestRotatedKeyCausesNoFailedRefresh(t *testing.T) {
	t.Parallel()
	const newKey = "sk_us_whole_process_rotated_b2d9"
	var good atomic.Value
	good.Store(harness.TeamKey)
	f := harness.New(t, harness.WithJunction(func(j *harness.Junction) {
		j.Accept = func(key string) bool { return key == good.Load() }
	}))
	check := func(when string, attempts int) {
		t.Helper()
		got := harness.ReadResult(t, f.Invoke(t, refreshOf(junctiontest.CompletedUserID)))
		if !got.Success || got.Attempts != attempts {
			t.Errorf("%s: success %t, %d attempts, want %d", when, got.Success, got.Attempts, attempts)
		}
	}
	check("before the rotation", 1)
	f.Secret.Rotate(t, newKey)
	good.Store(newKey)
	check("after the rotation", 2)
	check("with the new key", 1)
	if diff := cmp.Diff([]string{harness.TeamKey, harness.TeamKey, newKey, newKey}, f.Junction.Keys()); diff != "" {
		t.Errorf("the keys that Junction saw differ (-want +got):\n%s", diff)
	}
}

func TestFunctionAnswersBeforeItsTimeoutIfJunctionHangs(t *testing.T) {
	t.Parallel()
	url, called := harness.SilentServer(t)
	f := harness.New(t, harness.WithTimeout(8), harness.WithJunctionAt(url))
	// The emulator ends the function after 8 s, as Lambda does, and answers with an error of its own.
	got := f.PostHTTPAPI(t, harness.RefreshPath(junctiontest.DefaultUserID), nil, "").Result(t, http.StatusGatewayTimeout)
	if got.ErrorCode != "upstream_timeout" || got.Attempts != 1 {
		t.Errorf("error code %q, %d attempts", got.ErrorCode, got.Attempts)
	}
	if got.Timeout < 5 || got.Timeout > 6 {
		t.Errorf("the timeout is %v s, want 5 to 6", got.Timeout)
	}
	if called.Load() != 1 {
		t.Errorf("%d calls", called.Load())
	}
}

func TestNoCallIsMadeWithTooLittleTimeLeft(t *testing.T) {
	t.Parallel()
	url, called := harness.SilentServer(t)
	f := harness.New(t, harness.WithTimeout(6), harness.WithJunctionAt(url))
	got := f.PostHTTPAPI(t, harness.RefreshPath(junctiontest.DefaultUserID), nil, "").Result(t, http.StatusServiceUnavailable)
	if got.ErrorCode != "insufficient_time" || got.Attempts != 0 || called.Load() != 0 {
		t.Errorf("error code %q, %d attempts, %d calls", got.ErrorCode, got.Attempts, called.Load())
	}
}

func TestUnavailableSecretIsReported(t *testing.T) {
	t.Parallel()
	missing := harness.NewSecret(t, harness.TeamKey).ARN + "x"
	f := harness.New(t, harness.WithEnv(map[string]string{"JUNCTION_SECRET_ID": missing}))
	got := f.PostHTTPAPI(t, harness.RefreshPath(junctiontest.DefaultUserID), nil, "").Result(t, http.StatusServiceUnavailable)
	if got.ErrorCode != "secret_unavailable" || got.Attempts != 0 {
		t.Errorf("error code %q, %d attempts", got.ErrorCode, got.Attempts)
	}
}

func TestBadConfigurationEndsTheProcessAndNamesEveryFault(t *testing.T) {
	t.Parallel()
	faults := map[string]string{
		"JUNCTION_ENVIRONMENT": "prod", "JUNCTION_BASE_URL": "http://junction.example", "JUNCTION_API_KEY": harness.TeamKey,
		"SECRET_TTL": "five", "DEFAULT_TIMEOUT": "NaN", "MAX_ATTEMPTS": "0", "CALLER_AUTH": "none,token",
		"JUNCTION_WEBHOOK_EVENTS": "daily.data.sleep.created",
	}
	command := exec.CommandContext(t.Context(), harness.Bootstrap(t))
	command.Env = append(harness.List(faults), "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_LOG_FORMAT=JSON")
	out, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("it ended with %v", err)
	}
	harness.CheckNoSecrets(t, string(out))
	if strings.Count(string(out), "\n") != 1 {
		t.Errorf("want one log line, got %s", out)
	}
	line := harness.Decode[struct{ Level, Message, Error string }](t, out)
	if line.Level != "ERROR" || line.Message != "the configuration is invalid; the function does not start" {
		t.Errorf("level %q, message %q", line.Level, line.Message)
	}
	for name := range faults {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(line.Error, name+": ") {
				t.Errorf("it is not named in %q", line.Error)
			}
		})
	}
}
