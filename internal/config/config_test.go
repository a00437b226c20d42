package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const secretID = "JUNCTION_SECRET_ID=junction/key"

// wantConfig fails the test unless Parse returns the given configuration.
func wantConfig(t *testing.T, environ []string, want config.Config) {
	t.Helper()
	got, err := config.Parse(environ)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestEveryDefaultIsTheDocumentedOne(t *testing.T) {
	defaults := config.Config{
		SecretID: "junction/key", SecretTTL: 5 * time.Minute,
		DefaultTimeout: 10, TimeoutHeadroom: 2 * time.Second, HTTPTimeoutLimit: 0, MaxConcurrency: 100, MaxAttempts: 3,
		CallerAuth:    []string{"signature", "token"},
		UserIDPaths:   [][]string{{"user_id"}, {"data", "user_id"}, {"detail", "user_id"}},
		WebhookEvents: []string{"provider.connection.created"},
		FollowUp:      []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}, ExplainFailures: true, Metrics: true,
		QuotaLimit: 8, QuotaWindow: time.Hour, CoalesceWindow: time.Minute,
	}
	t.Run("without other variables", func(t *testing.T) { wantConfig(t, []string{secretID}, defaults) })
	t.Run("with every other variable empty", func(t *testing.T) {
		environ := []string{secretID}
		for _, name := range config.Names() {
			if name != "JUNCTION_SECRET_ID" {
				environ = append(environ, name+"=")
			}
		}
		wantConfig(t, environ, defaults)
	})
}

func TestNamesAreTheDocumentedOnes(t *testing.T) {
	want := strings.Fields(`CALLER_AUTH COALESCE_WINDOW DEFAULT_TIMEOUT EXPLAIN_FAILURES FOLLOW_UP HTTP_TIMEOUT_LIMIT JUNCTION_API_KEY JUNCTION_BASE_URL
		JUNCTION_ENVIRONMENT JUNCTION_SECRET_ID JUNCTION_WEBHOOK_EVENTS MAX_ATTEMPTS MAX_CONCURRENCY METRICS QUOTA_LIMIT QUOTA_TABLE
		QUOTA_WINDOW REFRESH_QUEUE_URL RESULT_BUS SECRET_TTL TIMEOUT_HEADROOM USER_ID_PATHS`)
	if diff := cmp.Diff(want, config.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	wantConfig(t, []string{
		"JUNCTION_API_KEY=sk_us_x", "JUNCTION_ENVIRONMENT=sandbox", "JUNCTION_BASE_URL=http://127.0.0.1:4010/", "SECRET_TTL=1m",
		"DEFAULT_TIMEOUT=7.5", "TIMEOUT_HEADROOM=0s", "MAX_CONCURRENCY=1", "MAX_ATTEMPTS=5", "HTTP_TIMEOUT_LIMIT=45s",
		"CALLER_AUTH= iam , token", "USER_ID_PATHS=user.junction_id", "JUNCTION_WEBHOOK_EVENTS=a.b, c.d",
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/123456789012/refreshes", "RESULT_BUS=results",
		"FOLLOW_UP=1s, 15m", "EXPLAIN_FAILURES=false", "METRICS=false", "QUOTA_TABLE=refreshes", "QUOTA_LIMIT=0", "QUOTA_WINDOW=30m", "COALESCE_WINDOW=0s", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	}, config.Config{
		APIKey: sensitive.New("sk_us_x"), Environment: "sandbox", BaseURL: "http://127.0.0.1:4010", SecretTTL: time.Minute,
		DefaultTimeout: 7.5, MaxConcurrency: 1, MaxAttempts: 5, HTTPTimeoutLimit: 45 * time.Second,
		CallerAuth: []string{"iam", "token"}, UserIDPaths: [][]string{{"user", "junction_id"}}, WebhookEvents: []string{"a.b", "c.d"},
		RefreshQueueURL: "https://sqs.us-east-1.amazonaws.com/123456789012/refreshes", ResultBus: "results",
		FollowUp: []time.Duration{time.Second, 15 * time.Minute}, QuotaTable: "refreshes", QuotaLimit: 0, QuotaWindow: 30 * time.Minute, CoalesceWindow: 0, Memory: 128 << 20,
	})
}

func TestAllFaultsAreReportedTogetherByNameAndWithoutTheValue(t *testing.T) {
	_, err := config.Parse([]string{
		"JUNCTION_ENVIRONMENT=sk_us_oops", "JUNCTION_BASE_URL=http://api.example.com", "SECRET_TTL=oops5m", "DEFAULT_TIMEOUT=oops",
		"TIMEOUT_HEADROOM=-1s", "MAX_CONCURRENCY=0", "MAX_ATTEMPTS=many-oops", "HTTP_TIMEOUT_LIMIT=0s", "CALLER_AUTH=none,token",
		"USER_ID_PATHS=a..b", "JUNCTION_WEBHOOK_EVENTS=daily.data.sleep.created", "RESULT_BUS=an oops", "REFRESH_QUEUE_URL=oops",
		"QUOTA_LIMIT=-1", "QUOTA_WINDOW=0s", "COALESCE_WINDOW=oops", "FOLLOW_UP=oops", "EXPLAIN_FAILURES=oops", "METRICS=oops",
	})
	if err == nil {
		t.Fatal("no error")
	}
	anyValue := []string{"JUNCTION_API_KEY", "QUOTA_TABLE"} // these have no rule
	for _, name := range config.Names() {
		t.Run(name, func(t *testing.T) {
			if reported := strings.Contains(err.Error(), name+": "); reported == slices.Contains(anyValue, name) {
				t.Errorf("reported %t in\n%v", reported, err)
			}
		})
	}
	if strings.Contains(err.Error(), "oops") {
		t.Errorf("a value is quoted in\n%v", err)
	}
}

func TestFaults(t *testing.T) {
	for _, entry := range []string{
		"DEFAULT_TIMEOUT=NaN",
		"DEFAULT_TIMEOUT=Inf",
		"JUNCTION_BASE_URL=http://127.0.0.1.example.com",
		"JUNCTION_BASE_URL=http://10.0.0.1",
		"JUNCTION_BASE_URL=ftp://127.0.0.1",
		"JUNCTION_BASE_URL=api.example.com",
		"JUNCTION_BASE_URL=https://user@api.example.com",
		"JUNCTION_BASE_URL=https://api.example.com/?a=b",
		"JUNCTION_BASE_URL=://",
		"QUOTA_LIMIT=1001",
		"CALLER_AUTH=password",
		"CALLER_AUTH=,",
		"USER_ID_PATHS=,",
		"JUNCTION_WEBHOOK_EVENTS=historical.data.x.created",
		"JUNCTION_WEBHOOK_EVENTS=daily.data.*",
		"JUNCTION_WEBHOOK_EVENTS=provider.*",
		"JUNCTION_WEBHOOK_EVENTS=,",
		"JUNCTION_ENVIRONMENT=eu",
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/123456789012/a.fifo",
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/",
		"REFRESH_QUEUE_URL=arn:aws:sqs:us-east-1:123456789012:refreshes",
		"REFRESH_QUEUE_URL=refreshes",
		"RESULT_BUS=arn:aws:sqs:us-east-1:123456789012:refreshes",
		"RESULT_BUS=arn:aws:events:us-east-1:123456789012:event-bus/",
		"RESULT_BUS=a bus",
		"RESULT_BUS=https://events.us-east-1.amazonaws.com",
		"FOLLOW_UP=30",
		"FOLLOW_UP=0s",
		"FOLLOW_UP=-1s",
		"FOLLOW_UP=999ms",
		"FOLLOW_UP=1.5s",
		"FOLLOW_UP=15m1s",
		"FOLLOW_UP=1h",
		"FOLLOW_UP=99999999h",
		"FOLLOW_UP=,",
		"FOLLOW_UP=OFF",
		"FOLLOW_UP=off,30s",
		"FOLLOW_UP=30s,off",
		"FOLLOW_UP=30s,1m,2m,0s",
		"FOLLOW_UP=1s,1s,1s,1s,1s,1s",
		"EXPLAIN_FAILURES=yes",
		"EXPLAIN_FAILURES=1",
		"EXPLAIN_FAILURES=True",
		"EXPLAIN_FAILURES= true",
	} {
		t.Run(entry, func(t *testing.T) {
			name, _, _ := strings.Cut(entry, "=")
			if _, err := config.Parse([]string{secretID, entry}); err == nil || !strings.Contains(err.Error(), name+": ") {
				t.Errorf("error %v, want one of %s", err, name)
			}
		})
	}
}

func TestValidValues(t *testing.T) {
	for _, entry := range []string{
		"DEFAULT_TIMEOUT=90", // is clamped like any other timeout
		"JUNCTION_BASE_URL=https://api.example.com/v",
		"JUNCTION_BASE_URL=http://localhost:4010",
		"JUNCTION_BASE_URL=http://[::1]:4010",
		"CALLER_AUTH=none",
		"CALLER_AUTH=signature,token,iam",
		"QUOTA_LIMIT=1000",
		"JUNCTION_WEBHOOK_EVENTS=provider.connection.created",
		"JUNCTION_ENVIRONMENT=production_eu",
		"REFRESH_QUEUE_URL=http://127.0.0.1:4566/000000000000/refreshes",
		"RESULT_BUS=aws.partner/example.com/1",
		"RESULT_BUS=arn:aws:events:us-east-1:123456789012:event-bus/results",
		"RESULT_BUS=arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/a/b",
	} {
		t.Run(entry, func(t *testing.T) {
			if _, err := config.Parse([]string{secretID, entry}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestThePausesOfAFollowUp(t *testing.T) {
	for value, want := range map[string][]time.Duration{
		"off":                  nil,
		"1s":                   {time.Second},
		"15m":                  {15 * time.Minute},
		"0h1m":                 {time.Minute},
		"1000ms":               {time.Second},
		"30s , 1m":             {30 * time.Second, time.Minute},
		"30s,":                 {30 * time.Second},
		"10m,1s":               {10 * time.Minute, time.Second}, // in any order
		"15m,15m,15m,15m,900s": {15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute},
	} {
		t.Run(value, func(t *testing.T) {
			got, err := config.Parse([]string{secretID, "FOLLOW_UP=" + value})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.FollowUp); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailuresAreExplainedUnlessItIsFalse(t *testing.T) {
	for value, want := range map[string]bool{"": true, "true": true, "false": false} {
		t.Run(value, func(t *testing.T) {
			if got, err := config.Parse([]string{secretID, "EXPLAIN_FAILURES=" + value}); err != nil || got.ExplainFailures != want {
				t.Errorf("%t, error %v; want %t", got.ExplainFailures, err, want)
			}
		})
	}
}

func TestAKeyInTheEnvironmentIsRefusedInADeployedFunctionAndTakenOnALaptop(t *testing.T) {
	const key, function = "JUNCTION_API_KEY=sk_us_x", "AWS_LAMBDA_FUNCTION_NAME=f"
	t.Run("deployed", func(t *testing.T) {
		_, err := config.Parse([]string{secretID, key, function})
		if err == nil || !strings.Contains(err.Error(), "JUNCTION_API_KEY: ") || strings.Contains(err.Error(), "sk_us_x") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("with sam local", func(t *testing.T) {
		if _, err := config.Parse([]string{secretID, key, function, "AWS_SAM_LOCAL=true"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("on a laptop", func(t *testing.T) {
		if _, err := config.Parse([]string{key}); err != nil {
			t.Error(err)
		}
	})
}

func TestTheSecretIsRequired(t *testing.T) {
	if _, err := config.Parse(nil); err == nil || !strings.Contains(err.Error(), "JUNCTION_SECRET_ID: ") {
		t.Errorf("error %v", err)
	}
}
