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
nothing of AWS. Junction is a simulator inside this process unless you say --live.

The simulator knows these users:

	1449752e-0d8a-40e0-9206-91ab099b2537  app-user-partial          one of its sources fails
	7d6f1c52-0b34-4a5e-9c5d-2f8e1b7a4c10  app-user-completed        all of its sources succeed
	b21c9f0e-6a47-4d83-8e15-90d3c7f2a645  app-user-slow             its sources take 45 s
	e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92  app-user-without-sources  it has no connected source

and app users generated-user-0 to generated-user-999. Each can be refreshed 8 times an hour, as at Junction.

Examples:

	go run ./cmd/local                            # one event: in, to Junction, and back
	go run ./cmd/local --timeout 60               # what the HTTP API's 30 s make of it
	go run ./cmd/local --fault 503:1              # one failure, and the retry after it
	go run ./cmd/local --fault 429 --verbose      # with the function's own log
	go run ./cmd/local invoke events/sqs.json     # any Lambda event
	echo '{"all_users": true}' | go run ./cmd/local invoke --queue -
	go run ./cmd/local serve                      # an endpoint for curl, an SDK or a webhook
	go run ./cmd/local serve --auth signature,token
	go run ./cmd/local sign events/http-api-junction-webhook.json --url http://127.0.0.1:8080 | sh
	go run ./cmd/local refresh USER client:MY-ID  # many users
	JUNCTION_API_KEY=... go run ./cmd/local refresh --live USER

Exit status: 0 where all went well or the event was ignored, 1 where a refresh or the function failed,
2 where the command line cannot be used.`

// grammar is the command line.
type grammar struct {
	Globals
	Example exampleCommand `cmd:"" default:"1" help:"Run one event against the simulator and show every step (what happens without a command)."`
	Invoke  invokeCommand  `cmd:"" help:"Run any Lambda event from a file."`
	Serve   serveCommand   `cmd:"" help:"Serve HTTP as an API Gateway HTTP API in front of the function does."`
	Sign    signCommand    `cmd:"" help:"Sign a webhook as its sender would: headers for curl, or the whole command."`
	Refresh refreshCommand `cmd:"" help:"Refresh many users."`
}

// Globals are the flags of every command.
type Globals struct {
	Live          bool             `help:"Call Junction itself with the key in JUNCTION_API_KEY. JUNCTION_ENVIRONMENT and JUNCTION_BASE_URL are honoured; nothing else of your environment is."`
	Timeout       string           `placeholder:"SECONDS" help:"Seconds that Junction is given where the event itself does not say (DEFAULT_TIMEOUT); the example says it."`
	Config        []string         `sep:"none" placeholder:"KEY=VALUE" help:"Set one of the function's variables, such as MAX_ATTEMPTS=1. Repeatable."`
	Fault         []string         `placeholder:"NAME[:N]" help:"Let the simulator fail, always or N times: ${faults}. Repeatable, in order."`
	Speed         float64          `default:"50" help:"How many times faster than Junction the simulator waits; 1 is real time."`
	LambdaTimeout time.Duration    `default:"90s" help:"The function's timeout in Lambda."`
	Auth          string           `placeholder:"WAYS" help:"Let only those HTTP callers in that show who they are (CALLER_AUTH): signature, token, iam, or several with commas. Without it everybody is let in."`
	Token         sensitive.String `placeholder:"TOKEN" help:"The token that --auth takes, ${min_token} bytes or more. Default: ${token}, which is no secret."`
	WebhookSecret sensitive.String `aliases:"secret" placeholder:"WHSEC" help:"The webhook secret that --auth takes, and that signatures are made with. Default: ${webhook_secret}, which is no secret."`
	Verbose       bool             `short:"v" help:"Show the function's own log lines on standard error."`
}

// Validate is called by kong.
func (g *Globals) Validate() error {
	switch {
	case g.LambdaTimeout <= 0:
		return errors.New("--lambda-timeout must be over 0")
	case !(g.Speed > 0):
		return errors.New("--speed must be over 0")
	case g.Live && len(g.Fault) > 0:
		return errors.New("--fault is the simulator's: it does not go with --live")
	}
	return nil
}

// usageError is a sentence about a command line that cannot be used.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// errFailed ends a command whose output has said already what failed.
var errFailed = errors.New("a refresh failed")

// run is the whole command: it returns the exit status. environ is the user's environment, of which a
// run without --live uses nothing but NO_COLOR and TERM. ctx ends with Ctrl-C.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	c := newConsole(stdin, stdout, stderr, environ)
	var g grammar
	helped := false
	parser, err := kong.New(&g, kong.Name("go run ./cmd/local"), kong.Description(description),
		kong.Writers(c.stdout, c.stderr), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}), kong.Vars{
			"faults": faultNames(), "token": developmentToken, "webhook_secret": developmentWebhookSecret,
			"min_token": strconv.Itoa(auth.MinToken),
		},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(c, &g.Globals))
	if err != nil {
		return fail(c, err, exitUsage)
	}
	command, err := parser.Parse(args)
	if helped {
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
