package result

import (
	"log/slog"
	"net/http"
	"strings"
)

// Code names a kind of failure, for programs to decide on. It is the result's error_code.
type Code string

// The codes. Their meaning for a caller is in the table below and in docs/errors.md.
const (
	InvalidRequest          Code = "invalid_request"
	Unauthenticated         Code = "unauthenticated"
	NotFound                Code = "not_found"
	MethodNotAllowed        Code = "method_not_allowed"
	NoConnectedSources      Code = "no_connected_sources"
	UpstreamRejected        Code = "upstream_rejected"
	UserNotFound            Code = "user_not_found"
	UpstreamInvalidRequest  Code = "upstream_invalid_request"
	UpstreamUnauthorized    Code = "upstream_unauthorized"
	RateLimited             Code = "rate_limited"
	InFlight                Code = "in_flight"
	QuotaUnavailable        Code = "quota_unavailable"
	UpstreamUnavailable     Code = "upstream_unavailable"
	UpstreamTimeout         Code = "upstream_timeout"
	UpstreamInvalidResponse Code = "upstream_invalid_response"
	InsufficientTime        Code = "insufficient_time"
	SecretUnavailable       Code = "secret_unavailable"
	Misconfigured           Code = "misconfigured"
	PublishFailed           Code = "publish_failed"
	QueueFailed             Code = "queue_failed"
	Internal                Code = "internal"
)

// properties are what follows from a code.
type properties struct {
	status int
	retry  retry
	level  slog.Level
}

// retry says what makes another try of a failed request worth it.
type retry int

const (
	never    retry = iota
	later          // time
	operator       // a person who fixes the cause: no caller should spend calls on it, but a queue keeps it
)

// table has the HTTP status and log level of each code, and whether a retry can help. The level is Info for
// a fault of the caller and for what is no fault, Warn for one of Junction or of time, and Error for one that an operator has to fix.
var table = map[Code]properties{
	InvalidRequest:          {http.StatusBadRequest, never, slog.LevelInfo},
	Unauthenticated:         {http.StatusUnauthorized, never, slog.LevelInfo},
	NotFound:                {http.StatusNotFound, never, slog.LevelInfo},
	MethodNotAllowed:        {http.StatusMethodNotAllowed, never, slog.LevelInfo},
	NoConnectedSources:      {http.StatusBadRequest, never, slog.LevelInfo},
	UpstreamRejected:        {http.StatusBadRequest, never, slog.LevelWarn},
	UserNotFound:            {http.StatusNotFound, never, slog.LevelInfo},
	UpstreamInvalidRequest:  {http.StatusUnprocessableEntity, never, slog.LevelWarn},
	UpstreamUnauthorized:    {http.StatusFailedDependency, operator, slog.LevelError},
	RateLimited:             {http.StatusTooManyRequests, later, slog.LevelWarn},
	InFlight:                {http.StatusServiceUnavailable, later, slog.LevelInfo}, // only queue messages get it
	QuotaUnavailable:        {http.StatusServiceUnavailable, later, slog.LevelError},
	UpstreamUnavailable:     {http.StatusServiceUnavailable, later, slog.LevelWarn},
	UpstreamTimeout:         {http.StatusGatewayTimeout, later, slog.LevelWarn},
	UpstreamInvalidResponse: {http.StatusBadGateway, later, slog.LevelWarn},
	InsufficientTime:        {http.StatusServiceUnavailable, later, slog.LevelWarn},
	SecretUnavailable:       {http.StatusServiceUnavailable, later, slog.LevelError},
	Misconfigured:           {http.StatusFailedDependency, operator, slog.LevelError},
	PublishFailed:           {http.StatusServiceUnavailable, later, slog.LevelError},
	QueueFailed:             {http.StatusServiceUnavailable, later, slog.LevelError},
	Internal:                {http.StatusInternalServerError, later, slog.LevelError},
}

// properties returns what follows from the code. An unknown code counts as Internal.
func (c Code) properties() properties {
	if p, ok := table[c]; ok {
		return p
	}
	return table[Internal]
}

// HTTPStatus returns the status of an HTTP answer with this code.
func (c Code) HTTPStatus() int { return c.properties().status }

// Retryable reports whether the same request may succeed later, without anybody's help.
func (c Code) Retryable() bool { return c.properties().retry == later }

// Requeue reports whether the same request may succeed later, also if an operator has to fix the cause first:
// a queue keeps it.
func (c Code) Requeue() bool { return c.properties().retry != never }

// Level returns the level at which a failure with this code is logged.
func (c Code) Level() slog.Level { return c.properties().level }

// ErrorType returns the code in CamelCase ("RateLimited"): the errorType of a Lambda error, which a Step
// Functions ErrorEquals matches.
func (c Code) ErrorType() string {
	var b strings.Builder
	for word := range strings.SplitSeq(string(c), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
