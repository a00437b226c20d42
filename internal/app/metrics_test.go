package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// refreshOnce makes one refresh against a simulated Junction, with the function's options.
func refreshOnce(t *testing.T, log io.Writer, environ []string, options app.Options) {
	t.Helper()
	junction := httptest.NewServer(junctiontest.New(junctiontest.WithSpeed(math.Inf(1))))
	t.Cleanup(junction.Close)
	environ = awstest.Environ(append(environ, "JUNCTION_BASE_URL="+junction.URL)...)
	function, err := app.New(environ, "1.2.3", slog.New(slog.NewJSONHandler(log, nil)), options)
	if err != nil {
		t.Fatal(err)
	}
	event := []byte(`{"user_id": "` + junctiontest.CompletedUserID + `"}`)
	if _, err := (awstest.Lambda{Handler: function, Timeout: time.Minute}).Invoke(context.Background(), event); err != nil {
		t.Fatal(err)
	}
}

// readMetrics returns the one line that was written.
func readMetrics(t *testing.T, text string) (line map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return line
}

func TestARefreshIsMeasuredOnceForItsInvocation(t *testing.T) {
	var metrics bytes.Buffer
	refreshOnce(t, io.Discard, []string{"AWS_LAMBDA_LOG_LEVEL=ERROR"}, app.Options{Metrics: &metrics})
	line := readMetrics(t, metrics.String())
	for name, want := range map[string]any{"Trigger": "direct", "level": "ERROR", "Refreshes": 1., "Completed": 1., "ColdStart": 1.} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
	if latency, ok := line["UpstreamLatency"].([]any); !ok || len(latency) != 1 {
		t.Errorf("latency %v", line["UpstreamLatency"])
	}
}

func TestWithoutMetricsTheCountsAreInTheLogAlone(t *testing.T) {
	for value, want := range map[string]bool{"": true, "true": true, "false": false} {
		t.Run(value, func(t *testing.T) {
			var metrics bytes.Buffer
			refreshOnce(t, io.Discard, []string{"METRICS=" + value}, app.Options{Metrics: &metrics})
			line := readMetrics(t, metrics.String())
			if _, got := line["_aws"]; got != want {
				t.Errorf("the line is a metric: %t, want %t", got, want)
			}
			// The alarms' metric filters read these.
			if line["message"] != "metrics" || line["Trigger"] != "direct" || line["Refreshes"] != 1. || line["Completed"] != 1. {
				t.Errorf("%v", line)
			}
		})
	}
}

func TestAReadOfTheSecretIsMeasured(t *testing.T) {
	secrets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"Name": "key", "SecretString": junctiontest.DefaultKey})
	}))
	defer secrets.Close()
	awstest.SetEndpoint(t, secrets.URL, "SECRETS_MANAGER")
	var metrics bytes.Buffer
	refreshOnce(t, io.Discard, []string{"JUNCTION_SECRET_ID=key"}, app.Options{Metrics: &metrics})
	if line := readMetrics(t, metrics.String()); line["SecretReads"] != 1. {
		t.Errorf("%v", line)
	}
}

func TestEachLogLineHasTheVersion(t *testing.T) {
	var log bytes.Buffer
	refreshOnce(t, &log, []string{"CALLER_AUTH=none"}, app.Options{})
	if strings.Count(log.String(), "\n") < 2 {
		t.Fatalf("the log has no warning or no refresh: %s", &log)
	}
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, `"version":"1.2.3"`) {
			t.Errorf("no version in %s", line)
		}
	}
}
