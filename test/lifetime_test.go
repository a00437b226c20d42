package test

import (
	"errors"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestARotatedKeyCostsNoFailedRefresh(t *testing.T) {
	t.Parallel()
	const newKey = "sk_us_whole_process_rotated_b2d9"
	var good atomic.Value
	good.Store(teamKey)
	function, junction, secret := whole(t, func(j *junction) {
		j.accept = func(key string) bool { return key == good.Load() }
	})
	event := `{"user_id":"` + junctiontest.DefaultUserID + `"}`
	if got := readResult(t, function.invoke(t, event)); !got.Success || got.Attempts != 1 {
		t.Fatalf("before the rotation: %+v", got)
	}
	secret.rotate(t, newKey)
	good.Store(newKey)
	if got := readResult(t, function.invoke(t, event)); !got.Success || got.Attempts != 2 {
		t.Errorf("after the rotation: %+v", got)
	}
	if got := readResult(t, function.invoke(t, event)); !got.Success || got.Attempts != 1 {
		t.Errorf("with the new key: %+v", got)
	}
	if got, want := junction.keys(), []string{teamKey, teamKey, newKey, newKey}; !slices.Equal(got, want) {
		t.Errorf("Junction saw the keys %q, want %q", got, want)
	}
}

// silent is a server that accepts connections and never answers. It counts them.
func silent(t *testing.T) (url string, accepted *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = &atomic.Int64{}
	var held []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			held = append(held, conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
		for _, conn := range held {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String(), accepted
}

func TestTheFunctionAnswersBeforeLambdaEndsItThoughJunctionNeverDoes(t *testing.T) {
	t.Parallel()
	url, accepted := silent(t)
	function := startLambda(t, 8, newSecret(t, teamKey).environment(), map[string]string{"JUNCTION_BASE_URL": url})
	// The emulator ends the function after 8 s as Lambda does, and answers with an error of its own.
	got := readResult(t, httpBody(t, function.invoke(t, httpEvent(junctiontest.DefaultUserID)), http.StatusGatewayTimeout))
	if got.ErrorCode != "upstream_timeout" || got.Attempts != 1 || got.Timeout < 5 || got.Timeout > 6 {
		t.Errorf("got %+v", got)
	}
	if accepted.Load() != 1 {
		t.Errorf("%d connections", accepted.Load())
	}
}

func TestWithTooLittleTimeLeftNoCallIsMade(t *testing.T) {
	t.Parallel()
	url, accepted := silent(t)
	function := startLambda(t, 6, newSecret(t, teamKey).environment(), map[string]string{"JUNCTION_BASE_URL": url})
	got := readResult(t, httpBody(t, function.invoke(t, httpEvent(junctiontest.DefaultUserID)), http.StatusServiceUnavailable))
	if got.ErrorCode != "insufficient_time" || got.Attempts != 0 || accepted.Load() != 0 {
		t.Errorf("got %+v and %d connections", got, accepted.Load())
	}
}

func TestAFunctionWithoutItsSecretSaysSo(t *testing.T) {
	t.Parallel()
	s := newSecret(t, teamKey)
	s.arn += "x"
	function := startLambda(t, 90, s.environment(), map[string]string{"JUNCTION_BASE_URL": newJunction(t).URL})
	got := readResult(t, httpBody(t, function.invoke(t, httpEvent(junctiontest.DefaultUserID)), http.StatusServiceUnavailable))
	if got.ErrorCode != "secret_unavailable" || got.Attempts != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestABadConfigurationEndsTheProcessAndNamesEveryFault(t *testing.T) {
	t.Parallel()
	faults := map[string]string{
		"JUNCTION_ENVIRONMENT": "prod", "JUNCTION_BASE_URL": "http://junction.example", "JUNCTION_API_KEY": teamKey,
		"SECRET_TTL": "five", "DEFAULT_TIMEOUT": "NaN", "MAX_ATTEMPTS": "0", "CALLER_AUTH": "none,token",
		"JUNCTION_WEBHOOK_EVENTS": "daily.data.sleep.created", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_LOG_FORMAT": "JSON",
	}
	command := exec.CommandContext(t.Context(), bootstrap(t))
	command.Env = list(faults)
	out, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("it ended with %v", err)
	}
	if strings.Count(string(out), "\n") != 1 {
		t.Errorf("want one log line, got %s", out)
	}
	line := decode[struct{ Level, Message, Error string }](t, out)
	if line.Level != "ERROR" || line.Message != "the function does not start" {
		t.Errorf("got %+v", line)
	}
	for name, value := range faults {
		if !strings.HasPrefix(name, "AWS_") && !strings.Contains(line.Error, name+": ") {
			t.Errorf("%s is not named in %q", name, line.Error)
		}
		if name == "JUNCTION_API_KEY" && strings.Contains(string(out), value) {
			t.Errorf("the key is in %s", out)
		}
	}
}
