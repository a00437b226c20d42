package config_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/config"
)

const secretID = "JUNCTION_SECRET_ID=junction/key"

func TestEveryDefaultIsTheDocumentedOne(t *testing.T) {
	got, err := config.Parse([]string{secretID})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		SecretID: "junction/key", SecretTTL: 5 * time.Minute,
		DefaultTimeout: 10, TimeoutHeadroom: 2 * time.Second, HTTPTimeoutLimit: 0, MaxConcurrency: 100, MaxAttempts: 3,
		CallerAuth:    []string{"signature", "token"},
		UserIDPaths:   [][]string{{"user_id"}, {"data", "user_id"}, {"detail", "user_id"}},
		WebhookEvents: []string{"provider.connection.created"},
		QuotaLimit:    8, QuotaWindow: time.Hour, CoalesceWindow: time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAnEmptyValueIsTheSameAsNone(t *testing.T) {
	environ := []string{secretID}
	for _, name := range config.Names() {
		if name != "JUNCTION_SECRET_ID" {
			environ = append(environ, name+"=")
		}
	}
	got, err := config.Parse(environ)
	want, _ := config.Parse([]string{secretID})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v", err, got)
	}
}

func TestEveryVariableOfTheContractIsRead(t *testing.T) {
	want := strings.Fields(`CALLER_AUTH COALESCE_WINDOW DEFAULT_TIMEOUT HTTP_TIMEOUT_LIMIT JUNCTION_API_KEY JUNCTION_BASE_URL
		JUNCTION_ENVIRONMENT JUNCTION_SECRET_ID JUNCTION_WEBHOOK_EVENTS MAX_ATTEMPTS MAX_CONCURRENCY QUOTA_LIMIT QUOTA_TABLE
		QUOTA_WINDOW REFRESH_QUEUE_URL RESULT_BUS SECRET_TTL TIMEOUT_HEADROOM USER_ID_PATHS`)
	if got := config.Names(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestEveryVariableIsHeeded(t *testing.T) {
	got, err := config.Parse([]string{
		"JUNCTION_API_KEY=sk_us_x", "JUNCTION_ENVIRONMENT=sandbox", "JUNCTION_BASE_URL=http://127.0.0.1:4010/", "SECRET_TTL=1m",
		"DEFAULT_TIMEOUT=7.5", "TIMEOUT_HEADROOM=0s", "MAX_CONCURRENCY=1", "MAX_ATTEMPTS=5", "HTTP_TIMEOUT_LIMIT=45s",
		"CALLER_AUTH= iam , token", "USER_ID_PATHS=user.junction_id", "JUNCTION_WEBHOOK_EVENTS=a.b, c.d",
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/123456789012/refreshes", "RESULT_BUS=results",
		"QUOTA_TABLE=refreshes", "QUOTA_LIMIT=0", "QUOTA_WINDOW=30m", "COALESCE_WINDOW=0s",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.APIKey.Reveal() != "sk_us_x" {
		t.Error("the key is not read")
	}
	key := got.APIKey
	want := config.Config{
		APIKey: key, Environment: "sandbox", BaseURL: "http://127.0.0.1:4010", SecretTTL: time.Minute,
		DefaultTimeout: 7.5, MaxConcurrency: 1, MaxAttempts: 5, HTTPTimeoutLimit: 45 * time.Second,
		CallerAuth: []string{"iam", "token"}, UserIDPaths: [][]string{{"user", "junction_id"}}, WebhookEvents: []string{"a.b", "c.d"},
		RefreshQueueURL: "https://sqs.us-east-1.amazonaws.com/123456789012/refreshes", ResultBus: "results",
		QuotaTable: "refreshes", QuotaLimit: 0, QuotaWindow: 30 * time.Minute, CoalesceWindow: 0,
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAllFaultsAreReportedTogetherEachWithItsNameAndNoneWithItsValue(t *testing.T) {
	_, err := config.Parse([]string{
		"JUNCTION_ENVIRONMENT=sk_us_oops", "JUNCTION_BASE_URL=http://api.example.com", "SECRET_TTL=oops5m", "DEFAULT_TIMEOUT=oops",
		"TIMEOUT_HEADROOM=-1s", "MAX_CONCURRENCY=0", "MAX_ATTEMPTS=many-oops", "HTTP_TIMEOUT_LIMIT=0s", "CALLER_AUTH=none,token",
		"USER_ID_PATHS=a..b", "JUNCTION_WEBHOOK_EVENTS=daily.data.sleep.created", "RESULT_BUS=an oops", "REFRESH_QUEUE_URL=oops",
		"QUOTA_LIMIT=-1", "QUOTA_WINDOW=0s", "COALESCE_WINDOW=oops",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range config.Names() {
		if name != "JUNCTION_API_KEY" && name != "QUOTA_TABLE" && !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not reported in\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "oops") {
		t.Errorf("a value shows in\n%v", err)
	}
}

func TestFaults(t *testing.T) {
	for entry, ok := range map[string]bool{
		"DEFAULT_TIMEOUT=NaN":                                 false,
		"DEFAULT_TIMEOUT=Inf":                                 false,
		"DEFAULT_TIMEOUT=90":                                  true, // clamped as any other
		"JUNCTION_BASE_URL=https://api.example.com/v":         true,
		"JUNCTION_BASE_URL=http://localhost:4010":             true,
		"JUNCTION_BASE_URL=http://[::1]:4010":                 true,
		"JUNCTION_BASE_URL=http://127.0.0.1.example.com":      false,
		"JUNCTION_BASE_URL=http://10.0.0.1":                   false,
		"JUNCTION_BASE_URL=ftp://127.0.0.1":                   false,
		"JUNCTION_BASE_URL=api.example.com":                   false,
		"JUNCTION_BASE_URL=https://user@api.example.com":      false,
		"JUNCTION_BASE_URL=https://api.example.com/?a=b":      false,
		"JUNCTION_BASE_URL=://":                               false,
		"CALLER_AUTH=none":                                    true,
		"CALLER_AUTH=signature,token,iam":                     true,
		"QUOTA_LIMIT=1000":                                    true,
		"QUOTA_LIMIT=1001":                                    false,
		"CALLER_AUTH=password":                                false,
		"CALLER_AUTH=,":                                       false,
		"USER_ID_PATHS=,":                                     false,
		"JUNCTION_WEBHOOK_EVENTS=historical.data.x.created":   false,
		"JUNCTION_WEBHOOK_EVENTS=daily.data.*":                false,
		"JUNCTION_WEBHOOK_EVENTS=provider.*":                  false,
		"JUNCTION_WEBHOOK_EVENTS=,":                           false,
		"JUNCTION_WEBHOOK_EVENTS=provider.connection.created": true,
		"JUNCTION_ENVIRONMENT=production_eu":                  true,
		"JUNCTION_ENVIRONMENT=eu":                             false,

		"REFRESH_QUEUE_URL=http://127.0.0.1:4566/000000000000/refreshes":            true,
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/123456789012/a.fifo": false,
		"REFRESH_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/":                    false,
		"REFRESH_QUEUE_URL=arn:aws:sqs:us-east-1:123456789012:refreshes":            false,
		"REFRESH_QUEUE_URL=refreshes":                                               false,
		"RESULT_BUS=aws.partner/example.com/1":                                      true,
		"RESULT_BUS=arn:aws:events:us-east-1:123456789012:event-bus/results":        true,
		"RESULT_BUS=arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/a/b": true,
		"RESULT_BUS=arn:aws:sqs:us-east-1:123456789012:refreshes":                   false,
		"RESULT_BUS=arn:aws:events:us-east-1:123456789012:event-bus/":               false,
		"RESULT_BUS=a bus": false,
		"RESULT_BUS=https://events.us-east-1.amazonaws.com": false,
	} {
		if _, err := config.Parse([]string{secretID, entry}); (err == nil) != ok {
			t.Errorf("%s: error is %v", entry, err)
		}
	}
}

func TestAKeyInTheEnvironmentIsRefusedInADeployedFunctionAndTakenOnALaptop(t *testing.T) {
	deployed := []string{secretID, "JUNCTION_API_KEY=sk_us_x", "AWS_LAMBDA_FUNCTION_NAME=f"}
	if _, err := config.Parse(deployed); err == nil || !strings.Contains(err.Error(), "JUNCTION_API_KEY: ") || strings.Contains(err.Error(), "sk_us_x") {
		t.Errorf("deployed: %v", err)
	}
	if _, err := config.Parse(append(deployed, "AWS_SAM_LOCAL=true")); err != nil {
		t.Errorf("under sam local: %v", err)
	}
	if _, err := config.Parse([]string{"JUNCTION_API_KEY=sk_us_x"}); err != nil {
		t.Errorf("on a laptop: %v", err)
	}
}

func TestTheSecretIsRequired(t *testing.T) {
	if _, err := config.Parse(nil); err == nil || !strings.Contains(err.Error(), "JUNCTION_SECRET_ID: ") {
		t.Errorf("%v", err)
	}
}
