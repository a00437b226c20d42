package harness

import (
	"maps"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// options are what New starts.
type options struct {
	timeout     int // seconds
	secret      string
	env         map[string]string
	configure   []func(*Junction)
	simulator   []junctiontest.Option
	simulated   bool
	junctionURL string
	queue       bool
	table       bool
}

// Option changes what New starts.
type Option func(*options)

// WithEnv sets environment variables of the function. They override all others.
func WithEnv(env map[string]string) Option {
	return func(o *options) { maps.Copy(o.env, env) }
}

// WithTimeout sets the function's timeout in seconds. The default is 90.
func WithTimeout(seconds int) Option {
	return func(o *options) { o.timeout = seconds }
}

// WithSecret sets what the function's secret holds. The default is TeamKey.
func WithSecret(value string) Option {
	return func(o *options) { o.secret = value }
}

// WithCallers gives the function Callers' secret, and lets in only requests with a token or a signature.
func WithCallers() Option {
	return func(o *options) {
		o.secret = CallersSecret
		o.env["CALLER_AUTH"] = "signature,token"
	}
}

// WithJunction changes how Prism plays Junction, before the function starts.
func WithJunction(configure func(*Junction)) Option {
	return func(o *options) { o.configure = append(o.configure, configure) }
}

// WithJunctionAt has the function call a server of the test's own instead of Prism.
func WithJunctionAt(url string) Option {
	return func(o *options) { o.junctionURL = url }
}

// WithSimulator has the function call a simulator of Junction instead of Prism. It knows TeamKey and has no rate
// limit, unless the options set others.
func WithSimulator(simulator ...junctiontest.Option) Option {
	return func(o *options) { o.simulated, o.simulator = true, append(o.simulator, simulator...) }
}

// WithQueue gives the function a queue and a bus. It implies WithSimulator.
func WithQueue(simulator ...junctiontest.Option) Option {
	return func(o *options) {
		o.queue = true
		WithSimulator(simulator...)(o)
	}
}

// WithTable gives the function a table in DynamoDB Local for its quota, with the quota of production.
func WithTable() Option {
	return func(o *options) {
		o.table = true
		o.env["QUOTA_LIMIT"], o.env["COALESCE_WINDOW"] = "8", "10m"
	}
}
