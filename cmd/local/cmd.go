package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // a refresh failed, or the function did
	exitUsage  = 2 // nothing was invoked
)

const description = `The junction-refresh Lambda function on this machine: the real handler, invoked as Lambda invokes it, and
nothing of AWS. Junction is a simulator inside this process, except with --live.

The simulator knows these users:

	1449752e-0d8a-40e0-9206-91ab099b2537  app-user-partial          one of its sources fails
	7d6f1c52-0b34-4a5e-9c5d-2f8e1b7a4c10  app-user-completed        all of its sources succeed
	b21c9f0e-6a47-4d83-8e15-90d3c7f2a645  app-user-slow             its sources take 45 s, and end after a shorter call
	c3f0a6d1-58e2-4b97-8a4c-16d97e20b5f3  app-user-reconnect        one of its sources fails until it is connected again
	e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92  app-user-without-sources  it has no connected source

and app users generated-user-0 to generated-user-999. Each can be refreshed 8 times per hour, as at Junction.

Examples:

	go run ./cmd/local                            # one event: in, to Junction, and back
	go run ./cmd/local --timeout 60               # clamped to the HTTP API's 30 s
	go run ./cmd/local --fault 503:1              # one failure, and the retry after it
	go run ./cmd/local --fault 429 --verbose      # with the function's own log
	go run ./cmd/local invoke --queue events/direct.json --fault 503@connections
	go run ./cmd/local invoke events/sqs.json     # any Lambda event
	echo '{"all_users": true}' | go run ./cmd/local invoke --queue -
	go run ./cmd/local serve                      # an endpoint for curl, an SDK or a webhook
	go run ./cmd/local serve --auth signature,token
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080 | sh
	go run ./cmd/local refresh USER client:MY-ID  # many users
	go run ./cmd/local refresh --follow client:app-user-slow
	JUNCTION_API_KEY=... go run ./cmd/local refresh --live --follow USER

Exit status: 0 if all went well or the event was ignored, 1 if a refresh or the function failed,
2 if the command line cannot be used.`

// grammar is the command line.
type grammar struct {
	Globals
	Example exampleCommand `cmd:"" default:"1" help:"Run one event against the simulator and show every step (the default command)."`
	Invoke  invokeCommand  `cmd:"" help:"Run any Lambda event from a file."`
	Serve   serveCommand   `cmd:"" help:"Serve HTTP, as an API Gateway HTTP API in front of the function does."`
	Sign    signCommand    `cmd:"" help:"Sign a webhook as its sender would: headers for curl, or the whole command."`
	Refresh refreshCommand `cmd:"" help:"Refresh many users."`
}

// Globals are the flags of every command.
type Globals struct {
	Live          bool             `help:"Call Junction itself with the key in JUNCTION_API_KEY. JUNCTION_ENVIRONMENT and JUNCTION_BASE_URL are read too, and nothing else of your environment."`
	Timeout       string           `placeholder:"SECONDS" help:"Seconds that Junction is given if the event names no timeout (DEFAULT_TIMEOUT); the example's event names this one."`
	Config        []string         `sep:"none" placeholder:"KEY=VALUE" help:"Set one of the function's variables, such as MAX_ATTEMPTS=1. Repeatable."`
	Fault         []string         `placeholder:"NAME[@CALL][:N]" help:"Make a call to the simulator fail, always or N times: ${faults}. CALL is one of ${calls}; without it only refreshes fail, and what is read on the way does not. Repeatable, in order."`
	Speed         float64          `default:"50" help:"How many times faster than Junction the simulator waits; 1 is real time. The pauses of FOLLOW_UP are shortened too, to whole seconds, unless --config sets them."`
	LambdaTimeout time.Duration    `default:"90s" help:"The function's timeout in Lambda."`
	Auth          string           `placeholder:"METHODS" help:"Let only authenticated HTTP callers in (CALLER_AUTH): by signature, token or iam, or several with commas. Without it every caller is let in."`
	Token         sensitive.String `placeholder:"TOKEN" help:"The token that --auth takes, ${min_token} bytes or more. Default: ${token}, which is public."`
	WebhookSecret sensitive.String `aliases:"secret" placeholder:"WHSEC" help:"The webhook secret that --auth takes, and that signatures are made with. Default: ${webhook_secret}, which is public."`
	Verbose       bool             `short:"v" help:"Show the function's own log lines and metrics on standard error."`
}

// Validate is called by kong.
func (g *Globals) Validate() error {
	switch {
	case g.LambdaTimeout <= 0:
		return errors.New("--lambda-timeout must be over 0")
	case !(g.Speed > 0):
		return errors.New("--speed must be over 0")
	case g.Live && len(g.Fault) > 0:
		return errors.New("--fault is for the simulator and does not go with --live")
	}
	return nil
}

// usageError says why a command line cannot be used.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// errFailed is the error of a command that has printed already what failed.
var errFailed = errors.New("a refresh failed")

// run runs a command line and returns the exit status. environ is the user's environment, of which a run
// without --live reads only NO_COLOR, TERM and the secrets to hide. ctx ends with Ctrl-C.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	c := newConsole(stdin, stdout, stderr, environ)
	var g grammar
	helpShown := false
	parser, err := kong.New(&g, kong.Name("go run ./cmd/local"), kong.Description(description),
		kong.Writers(c.stdout, c.stderr), kong.Exit(func(int) { helpShown = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}), kong.Vars{
			"faults": faultNames(), "calls": callNames(), "token": developmentToken, "webhook_secret": developmentWebhookSecret,
			"min_token": strconv.Itoa(auth.MinToken),
		},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(c, &g.Globals))
	if err != nil {
		return fail(c, err, exitUsage)
	}
	command, err := parser.Parse(args)
	if helpShown {
		return exitOK
	}
	if err != nil {
		return fail(c, fmt.Errorf("%w; see --help", err), exitUsage)
	}
	err = command.Run()
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &usage):
		return fail(c, err, exitUsage)
	}
	return fail(c, err, exitFailed)
}

func fail(c *console, err error, status int) int {
	c.stderr.printf("local: %v\n", err)
	return status
}
