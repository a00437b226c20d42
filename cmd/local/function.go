package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// generatedUsers is how many users the simulator has beside its named ones.
const generatedUsers = 1000

// function is the Lambda function, ready to be invoked. Close it.
type function struct {
	handler lambda.Handler
	timeout time.Duration // Lambda's
	log     *logged       // what the function logged; nil where nobody asks
	wire    *wire         // what was sent to the simulator; nil where nobody asks, and in a live run
	close   func()
}

// open makes the function as the flags say. watched keeps what happens for a report. The function has
// later's queue and bus, unless it is nil or --config says what they are, be it none. An error of the flags or variables is a usageError.
func open(c *console, g *Globals, watched bool, later *flow) (*function, error) {
	f := &function{timeout: g.LambdaTimeout, close: func() {}}
	var options []app.Option
	if watched {
		f.log = &logged{keep: true}
	}
	if later != nil {
		if !g.configures("REFRESH_QUEUE_URL") {
			options = append(options, app.WithQueue(later.queue))
		}
		if !g.configures("RESULT_BUS") {
			options = append(options, app.WithBus(later))
		}
		f.log = &logged{keep: watched, tell: later.logged}
	}
	var environ []string
	var err error
	if g.Live {
		environ, err = g.live(c)
	} else {
		environ, err = f.simulate(c, g, watched)
	}
	if err != nil {
		return nil, err
	}
	if f.handler, err = app.New(environ, "local", newLog(c, g.Verbose, f.log), options...); err != nil {
		f.close()
		return nil, usagef("%v", err)
	}
	return f, nil
}

// simulate starts the simulator and returns the function's environment in front of it.
func (f *function) simulate(c *console, g *Globals, watched bool) ([]string, error) {
	options := []junctiontest.Option{junctiontest.WithSpeed(g.Speed), junctiontest.WithGeneratedUsers(generatedUsers)}
	if watched {
		f.wire = newWire()
		options = append(options, junctiontest.OnExchange(f.wire.add))
	}
	simulator := junctiontest.New(options...)
	for _, spec := range g.Fault {
		if err := inject(simulator, spec); err != nil {
			return nil, err
		}
	}
	server, err := simulator.Start("")
	if err != nil {
		return nil, err
	}
	if watched {
		f.wire.total = simulator.Total
	}
	environ, err := g.simulated(c, server.URL())
	if err != nil {
		_ = server.Close()
		return nil, err
	}
	f.close = func() { _ = server.Close() }
	return environ, nil
}

// answer is what an invocation came to, as the function's invoker sees it.
type answer struct {
	payload []byte
	errored bool // payload is Lambda's document of an error
}

var errInterrupted = errors.New("interrupted")

// invoke runs one event as Lambda does: with a deadline and a request ID, and killed at the deadline.
// The error is errInterrupted where ctx ends before the function answers.
func (f *function) invoke(ctx context.Context, event []byte) (answer, error) {
	requestID := uuid.NewString()
	inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
	defer cancel()
	inner = lambdacontext.NewContext(inner, &lambdacontext.LambdaContext{
		AwsRequestID:       requestID,
		InvokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:junction-refresh",
	})
	done := make(chan answer, 1)
	go func() {
		payload, err := f.handler.Invoke(inner, event)
		if err != nil {
			done <- errorAnswer(err)
			return
		}
		done <- answer{payload: payload}
	}()
	select {
	case a := <-done:
		return a, nil
	case <-inner.Done():
		return errorAnswer(messages.InvokeResponse_Error{
			Type:    "Sandbox.Timedout",
			Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, f.timeout.Seconds()),
		}), nil
	case <-ctx.Done():
		return answer{}, errInterrupted
	}
}

// errorAnswer is the document that Lambda makes of a function's error.
func errorAnswer(err error) answer {
	var named messages.InvokeResponse_Error
	if !errors.As(err, &named) {
		named = messages.InvokeResponse_Error{Type: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	payload, _ := json.Marshal(named) // two strings
	return answer{payload: payload, errored: true}
}
