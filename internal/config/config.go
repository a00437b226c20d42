// Package config reads the function's environment variables, once, into one immutable value. Every
// fault is reported together, each with the variable's name and never with its value, and nothing in
// this project reads the environment anywhere else.
package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Config is the configuration, with its defaults filled in. The zero value is not usable: see Parse.
type Config struct {
	SecretID    string           // name or ARN of the secret; "" only where APIKey is set
	APIKey      sensitive.String // the secret's value itself, on a laptop only
	Environment string           // "", production, production_eu, sandbox or sandbox_eu
	BaseURL     string           // "" or an absolute URL without a slash at its end
	SecretTTL   time.Duration

	DefaultTimeout   float64 // seconds
	TimeoutHeadroom  time.Duration
	HTTPTimeoutLimit time.Duration // 0: by event
	MaxConcurrency   int
	MaxAttempts      int

	Memory int64 // bytes that the function may have; 0: not known

	CallerAuth    []string // signature, token, iam; or none alone
	UserIDPaths   [][]string
	WebhookEvents []string

	RefreshQueueURL string // SQS queue; "": none
	ResultBus       string // EventBridge bus, name or ARN; "": none

	QuotaTable     string // DynamoDB table; "": the memory of this instance
	QuotaLimit     int    // 0: no quota
	QuotaWindow    time.Duration
	CoalesceWindow time.Duration
}

// variables is the environment as it is written; the tags are the documentation's names and defaults.
type variables struct {
	SecretID         string           `env:"JUNCTION_SECRET_ID"`
	Environment      environment      `env:"JUNCTION_ENVIRONMENT"`
	BaseURL          baseURL          `env:"JUNCTION_BASE_URL"`
	APIKey           sensitive.String `env:"JUNCTION_API_KEY"`
	SecretTTL        notNegative      `env:"SECRET_TTL" envDefault:"5m"`
	DefaultTimeout   seconds          `env:"DEFAULT_TIMEOUT" envDefault:"10"`
	TimeoutHeadroom  notNegative      `env:"TIMEOUT_HEADROOM" envDefault:"2s"`
	MaxConcurrency   atLeastOne       `env:"MAX_CONCURRENCY" envDefault:"100"`
	MaxAttempts      atLeastOne       `env:"MAX_ATTEMPTS" envDefault:"3"`
	HTTPTimeoutLimit positive         `env:"HTTP_TIMEOUT_LIMIT"`
	CallerAuth       callerAuth       `env:"CALLER_AUTH" envDefault:"signature,token"`
	UserIDPaths      paths            `env:"USER_ID_PATHS" envDefault:"user_id,data.user_id,detail.user_id"`
	WebhookEvents    eventTypes       `env:"JUNCTION_WEBHOOK_EVENTS" envDefault:"provider.connection.created"`
	ResultBus        bus              `env:"RESULT_BUS"`
	RefreshQueueURL  queueURL         `env:"REFRESH_QUEUE_URL"`
	QuotaTable       string           `env:"QUOTA_TABLE"`
	QuotaLimit       limit            `env:"QUOTA_LIMIT" envDefault:"8"`
	QuotaWindow      positive         `env:"QUOTA_WINDOW" envDefault:"1h"`
	CoalesceWindow   notNegative      `env:"COALESCE_WINDOW" envDefault:"60s"`

	FunctionName string `env:"AWS_LAMBDA_FUNCTION_NAME"`        // set by Lambda
	Memory       uint16 `env:"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"` // MB; set by Lambda
	SAMLocal     string `env:"AWS_SAM_LOCAL"`                   // "true" under sam local
}

// Parse reads the configuration from environ, whose entries are "NAME=value" as os.Environ gives
// them. An empty value is the same as none: sam local passes references it cannot resolve as "".
// The error, if any, names every fault.
func Parse(environ []string) (Config, error) {
	set := env.ToMap(environ)
	for name, value := range set {
		if value == "" {
			delete(set, name)
		}
	}
	var v variables
	err := env.ParseWithOptions(&v, env.Options{Environment: set})
	if faults := append(faultsOf(err), v.contradictions()...); len(faults) > 0 {
		return Config{}, fmt.Errorf("configuration: %w", errors.Join(faults...))
	}
	return Config{
		SecretID: v.SecretID, APIKey: v.APIKey, Environment: string(v.Environment), BaseURL: string(v.BaseURL),
		SecretTTL:      time.Duration(v.SecretTTL),
		DefaultTimeout: float64(v.DefaultTimeout), TimeoutHeadroom: time.Duration(v.TimeoutHeadroom),
		HTTPTimeoutLimit: time.Duration(v.HTTPTimeoutLimit),
		MaxConcurrency:   int(v.MaxConcurrency), MaxAttempts: int(v.MaxAttempts),
		Memory:     int64(v.Memory) << 20,
		CallerAuth: v.CallerAuth, UserIDPaths: v.UserIDPaths, WebhookEvents: v.WebhookEvents,
		RefreshQueueURL: string(v.RefreshQueueURL), ResultBus: string(v.ResultBus),
		QuotaTable: v.QuotaTable, QuotaLimit: int(v.QuotaLimit), QuotaWindow: time.Duration(v.QuotaWindow), CoalesceWindow: time.Duration(v.CoalesceWindow),
	}, nil
}

// Names returns the names of the variables of SPEC section 5 that Parse reads, sorted.
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

// contradictions returns the faults that only several variables together show.
func (v variables) contradictions() []error {
	var faults []error
	if v.SecretID == "" && v.APIKey.Empty() {
		faults = append(faults, errors.New("JUNCTION_SECRET_ID: is required: the name or ARN of the secret with the team key"))
	}
	if !v.APIKey.Empty() && v.FunctionName != "" && v.SAMLocal != "true" {
		faults = append(faults, errors.New("JUNCTION_API_KEY: is for a laptop only; a deployed function reads the key from JUNCTION_SECRET_ID"))
	}
	return faults
}

// faultsOf splits the library's error into one fault a variable. The library names struct fields and
// quotes values; a value can be a misplaced key, so only the cause of our own types is kept.
func faultsOf(err error) []error {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []error{err}
	}
	var faults []error
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			faults = append(faults, one)
			continue
		}
		field, _ := reflect.TypeFor[variables]().FieldByName(parse.Name)
		faults = append(faults, fmt.Errorf("%s: %w", field.Tag.Get("env"), parse.Err))
	}
	return faults
}
