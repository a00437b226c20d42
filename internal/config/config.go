// Package config reads the function's settings from the environment, once, into one immutable value. All
// faults are reported together, each with the variable's name and never with its value.
//
// No other package reads these settings. Three libraries read standard variables of their own: the AWS SDK
// (AWS_REGION and credentials), aws-lambda-go (AWS_LAMBDA_*) and net/http (HTTPS_PROXY).
package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Config is the configuration, including defaults. The zero value is not usable: see Parse.
type Config struct {
	SecretID    string           // name or ARN of the secret; "" only if APIKey is set
	APIKey      sensitive.String // the secret's value itself; on a laptop only
	Environment string           // "", production, production_eu, sandbox or sandbox_eu
	BaseURL     string           // "", or an absolute URL without a slash at the end
	SecretTTL   time.Duration

	DefaultTimeout   float64 // seconds
	TimeoutHeadroom  time.Duration
	HTTPTimeoutLimit time.Duration // 0: the default quota of the API type
	MaxConcurrency   int
	MaxAttempts      int

	Metrics  bool   // CloudWatch makes metrics of what is counted
	Memory   int64  // the function's memory, in bytes; 0: not known
	LogLevel string // the lowest level that Lambda keeps; "": not known
	XRay     string // host:port of the X-Ray daemon that Lambda runs; "": there is none

	CallerAuth    []string // signature, token and iam, or only none
	UserIDPaths   [][]string
	WebhookEvents []string

	RefreshQueueURL string          // URL of an SQS queue; "": no queue
	ResultBus       string          // name or ARN of an EventBridge bus; "": no bus
	FollowUp        []time.Duration // pauses before each look at sources that were still running; none: no follow-up
	ExplainFailures bool

	QuotaTable     string // name of a DynamoDB table; "": the quota is kept in memory, per instance
	QuotaLimit     int    // 0: no quota
	QuotaWindow    time.Duration
	CoalesceWindow time.Duration
}

// Parse reads the configuration from environ, in the form of os.Environ. An empty variable is the same as a
// missing one, because sam local sets references that it cannot resolve to "". The error has every fault.
func Parse(environ []string) (Config, error) {
	r := reader{values: make(map[string]string, len(environ))}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		r.values[name] = value
	}
	c := r.config()
	c.LogLevel, c.XRay = r.values["AWS_LAMBDA_LOG_LEVEL"], r.values["AWS_XRAY_DAEMON_ADDRESS"]
	c.Memory = int64(read(&r, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "", atLeastOne)) << 20 // the variable has MB
	if err := errors.Join(append(r.faults, r.checkKey(c))...); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

// Names returns the names of the function's own variables, sorted. Those that Lambda sets are not among them.
func Names() []string {
	var r reader
	r.config()
	slices.Sort(r.names)
	return r.names
}

// reader reads variables, and collects their names and faults.
type reader struct {
	values map[string]string
	names  []string
	faults []error
}

// config reads the function's own variables.
func (r *reader) config() Config {
	return Config{
		SecretID:         read(r, "JUNCTION_SECRET_ID", "", anyText),
		Environment:      read(r, "JUNCTION_ENVIRONMENT", "", environment),
		BaseURL:          read(r, "JUNCTION_BASE_URL", "", baseURL),
		APIKey:           sensitive.New(read(r, "JUNCTION_API_KEY", "", anyText)),
		SecretTTL:        read(r, "SECRET_TTL", "5m", nonNegative),
		DefaultTimeout:   read(r, "DEFAULT_TIMEOUT", "10", seconds),
		TimeoutHeadroom:  read(r, "TIMEOUT_HEADROOM", "2s", nonNegative),
		MaxConcurrency:   read(r, "MAX_CONCURRENCY", "100", atLeastOne),
		MaxAttempts:      read(r, "MAX_ATTEMPTS", "3", atLeastOne),
		HTTPTimeoutLimit: read(r, "HTTP_TIMEOUT_LIMIT", "", positive),
		CallerAuth:       read(r, "CALLER_AUTH", "signature,token", callerAuth),
		UserIDPaths:      read(r, "USER_ID_PATHS", "user_id,data.user_id,detail.user_id", paths),
		WebhookEvents:    read(r, "JUNCTION_WEBHOOK_EVENTS", "provider.connection.created", eventTypes),
		ResultBus:        read(r, "RESULT_BUS", "", bus),
		RefreshQueueURL:  read(r, "REFRESH_QUEUE_URL", "", queueURL),
		FollowUp:         read(r, "FOLLOW_UP", "30s,1m,2m,5m,10m", pauses),
		ExplainFailures:  read(r, "EXPLAIN_FAILURES", "true", boolean),
		Metrics:          read(r, "METRICS", "true", boolean),
		QuotaTable:       read(r, "QUOTA_TABLE", "", anyText),
		QuotaLimit:       read(r, "QUOTA_LIMIT", "8", quotaLimit),
		QuotaWindow:      read(r, "QUOTA_WINDOW", "1h", positive),
		CoalesceWindow:   read(r, "COALESCE_WINDOW", "60s", nonNegative),
	}
}

// read returns the value of a variable by its rule. If the variable and its default are empty, it returns the zero
// value.
func read[T any](r *reader, name, byDefault string, rule func(string) (T, error)) (value T) {
	r.names = append(r.names, name)
	text := cmp.Or(r.values[name], byDefault)
	if text == "" {
		return value
	}
	value, err := rule(text)
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("%s: %w", name, err))
	}
	return value
}

// checkKey returns an error unless the team key has an allowed source: a secret or, on a laptop, the environment.
func (r *reader) checkKey(c Config) error {
	if c.SecretID == "" && c.APIKey.Empty() {
		return errors.New("JUNCTION_SECRET_ID: is required: the name or ARN of the secret with the team key")
	}
	if !c.APIKey.Empty() && r.values["AWS_LAMBDA_FUNCTION_NAME"] != "" && r.values["AWS_SAM_LOCAL"] != "true" {
		return errors.New("JUNCTION_API_KEY: is for a laptop only; a deployed function reads the key from JUNCTION_SECRET_ID")
	}
	return nil
}
