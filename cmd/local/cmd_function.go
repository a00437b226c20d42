package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
)

// generatedUsers is the number of users that the simulator has in addition to those with names.
const generatedUsers = 1000

// function is the Lambda function, ready to be invoked. It must be closed.
type function struct {
	lambda    awstest.Lambda
	environ   []string   // that the function was made for
	exchanges *exchanges // with the simulator; nil in a live run, and if nobody asks for them
	close     func()
}

// open makes the function that the flags describe. It calls Junction itself, or a simulator. It has the
// queue and the bus of q, unless q is nil or --config sets them, even if to nothing. An error about the
// flags or variables is a usageError.
func open(c *console, g *Globals, q *localQueue) (*function, error) {
	if g.Live {
		environ, err := g.live(c)
		if err != nil {
			return nil, err
		}
		return assemble(c, g, q, environ)
	}
	simulator := junctiontest.New(g.simulatorOptions()...)
	return openSimulated(c, g, q, simulator)
}

// openRecorded is open, and the function keeps what it exchanges with the simulator.
func openRecorded(c *console, g *Globals, q *localQueue) (*function, error) {
	if g.Live {
		return open(c, g, q)
	}
	recorded := newExchanges()
	simulator := junctiontest.New(append(g.simulatorOptions(), junctiontest.OnExchange(recorded.add))...)
	recorded.total = simulator.Total
	f, err := openSimulated(c, g, q, simulator)
	if err != nil {
		return nil, err
	}
	f.exchanges = recorded
	return f, nil
}

func (g *Globals) simulatorOptions() []junctiontest.Option {
	return []junctiontest.Option{junctiontest.WithSpeed(g.Speed), junctiontest.WithGeneratedUsers(generatedUsers)}
}

// openSimulated starts the simulator and returns the function that calls it.
func openSimulated(c *console, g *Globals, q *localQueue, simulator *junctiontest.Simulator) (*function, error) {
	for _, spec := range g.Fault {
		if err := inject(simulator, spec); err != nil {
			return nil, err
		}
	}
	server, err := simulator.Start("")
	if err != nil {
		return nil, err
	}
	closeServer := func() { _ = server.Close() }
	environ, err := g.simulated(c, server.URL())
	if err != nil {
		closeServer()
		return nil, err
	}
	f, err := assemble(c, g, q, environ)
	if err != nil {
		closeServer()
		return nil, err
	}
	f.close = closeServer
	return f, nil
}

// assemble makes the function for an environment.
func assemble(c *console, g *Globals, q *localQueue, environ []string) (*function, error) {
	options := app.Options{Observers: observe.All{recorders{}}}
	if q != nil {
		options.Observers = append(options.Observers, q)
		if !g.configures("REFRESH_QUEUE_URL") {
			options.Queue = q.messages
		}
		if !g.configures("RESULT_BUS") {
			options.Bus = q
		}
	}
	log := slog.New(slog.DiscardHandler)
	if g.Verbose {
		log = slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		options.Metrics = c.stderr
	}
	handler, err := app.New(environ, "local", log, options)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return &function{environ: environ, lambda: awstest.Lambda{Handler: handler, Timeout: g.LambdaTimeout}, close: func() {}}, nil
}

var errInterrupted = errors.New("interrupted")

// invoke runs one event. The error is an *awstest.FunctionError, or errInterrupted if ctx ends before the
// function answers.
func (f *function) invoke(ctx context.Context, event []byte) ([]byte, error) {
	answer, err := f.lambda.Invoke(ctx, event)
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	return answer, err
}
