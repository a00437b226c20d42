// Package config reads the function's settings from the environment, once, into one immutable value. All
// faults are reported together, each with the variable's name and never with its value.
//
// No other package reads these settings. Three libraries read standard variables of their own: the AWS SDK
// (AWS_REGION and credentials), aws-lambda-go (AWS_LAMBDA_*) and net/http (HTTPS_PROXY).
package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

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

	Memory   int64  // the function's memory, in bytes; 0: not known
	LogLevel string // the lowest level that Lambda keeps; "": not known

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

// variables has a field per environment variable, with its name and default.
type variables struct {
	SecretID         string           `env:"JUNCTION_SECRET_ID"`
	Environment      environment      `env:"JUNCTION_ENVIRONMENT"`
	BaseURL          baseURL          `env:"JUNCTION_BASE_URL"`
	APIKey           sensitive.String `env:"JUNCTION_API_KEY"`
	SecretTTL        nonNegative      `env:"SECRET_TTL" envDefault:"5m"`
	DefaultTimeout   seconds          `env:"DEFAULT_TIMEOUT" envDefault:"10"`
	TimeoutHeadroom  nonNegative      `env:"TIMEOUT_HEADROOM" envDefault:"2s"`
	MaxConcurrency   atLeastOne       `env:"MAX_CONCURRENCY" envDefault:"100"`
	MaxAttempts      atLeastOne       `env:"MAX_ATTEMPTS" envDefault:"3"`
	HTTPTimeoutLimit positive         `env:"HTTP_TIMEOUT_LIMIT"`
	CallerAuth       callerAuth       `env:"CALLER_AUTH" envDefault:"signature,token"`
	UserIDPaths      paths            `env:"USER_ID_PATHS" envDefault:"user_id,data.user_id,detail.user_id"`
	WebhookEvents    eventTypes       `env:"JUNCTION_WEBHOOK_EVENTS" envDefault:"provider.connection.created"`
	ResultBus        bus              `env:"RESULT_BUS"`
	RefreshQueueURL  queueURL         `env:"REFRESH_QUEUE_URL"`
	FollowUp         pauses           `env:"FOLLOW_UP" envDefault:"30s,1m,2m,5m,10m"`
	ExplainFailures  boolean          `env:"EXPLAIN_FAILURES" envDefault:"true"`
	QuotaTable       string           `env:"QUOTA_TABLE"`
	QuotaLimit       quotaLimit       `env:"QUOTA_LIMIT" envDefault:"8"`
	QuotaWindow      positive         `env:"QUOTA_WINDOW" envDefault:"1h"`
	CoalesceWindow   nonNegative      `env:"COALESCE_WINDOW" envDefault:"60s"`

	FunctionName string `env:"AWS_LAMBDA_FUNCTION_NAME"`        // set by Lambda
	Memory       uint16 `env:"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"` // MB; set by Lambda
	LogLevel     string `env:"AWS_LAMBDA_LOG_LEVEL"`            // set by Lambda
	SAMLocal     string `env:"AWS_SAM_LOCAL"`                   // "true" under sam local
}

// Parse reads the configuration from environ, in the form of os.Environ. An empty variable is the same as a
// missing one, because sam local sets references that it cannot resolve to "". The error has every fault.
func Parse(environ []string) (Config, error) {
	values := env.ToMap(environ)
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	var v variables
	err := env.ParseWithOptions(&v, env.Options{Environment: values})
	if err := errors.Join(faults(err), v.checkKey()); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Config{
		SecretID: v.SecretID, APIKey: v.APIKey, Environment: string(v.Environment), BaseURL: string(v.BaseURL),
		SecretTTL:      time.Duration(v.SecretTTL),
		DefaultTimeout: float64(v.DefaultTimeout), TimeoutHeadroom: time.Duration(v.TimeoutHeadroom),
		HTTPTimeoutLimit: time.Duration(v.HTTPTimeoutLimit),
		MaxConcurrency:   int(v.MaxConcurrency), MaxAttempts: int(v.MaxAttempts),
		Memory: int64(v.Memory) << 20, LogLevel: v.LogLevel,
		CallerAuth: v.CallerAuth, UserIDPaths: v.UserIDPaths, WebhookEvents: v.WebhookEvents,
		RefreshQueueURL: string(v.RefreshQueueURL), ResultBus: string(v.ResultBus),
		FollowUp: v.FollowUp, ExplainFailures: bool(v.ExplainFailures),
		QuotaTable: v.QuotaTable, QuotaLimit: int(v.QuotaLimit),
		QuotaWindow: time.Duration(v.QuotaWindow), CoalesceWindow: time.Duration(v.CoalesceWindow),
	}, nil
}

// Names returns the names of the function's own variables, sorted. Those that Lambda sets are not among them.
func Names() []string {
	t := reflect.TypeFor[variables]()
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("env"); !strings.HasPrefix(name, "AWS_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkKey returns an error unless the team key has an allowed source: a secret or, on a laptop, the environment.
func (v variables) checkKey() error {
	if v.SecretID == "" && v.APIKey.Empty() {
		return errors.New("JUNCTION_SECRET_ID: is required: the name or ARN of the secret with the team key")
	}
	if !v.APIKey.Empty() && v.FunctionName != "" && v.SAMLocal != "true" {
		return errors.New("JUNCTION_API_KEY: is for a laptop only; a deployed function reads the key from JUNCTION_SECRET_ID")
	}
	return nil
}

// faults returns the library's error as one fault per variable. The library names struct fields and quotes
// values; a value can be a misplaced key, so only the errors of our own types are kept.
func faults(err error) error {
	var aggregate env.AggregateError
	if !errors.As(err, &aggregate) {
		return err
	}
	var faults []error
	for _, err := range aggregate.Errors {
		var parse env.ParseError
		if errors.As(err, &parse) {
			field, _ := reflect.TypeFor[variables]().FieldByName(parse.Name)
			err = fmt.Errorf("%s: %w", field.Tag.Get("env"), parse.Err)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
