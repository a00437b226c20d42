package awstest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
)

// Lambda invokes a handler in this process as Lambda does: with a deadline and a request ID, and without
// waiting for it any longer than the deadline.
type Lambda struct {
	Handler lambda.Handler
	Timeout time.Duration // the function's timeout
}

// FunctionError is the error of an invocation, in the words in which Lambda reports it. As JSON it is
// Lambda's own document.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Error implements error.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// TimedOut is the Type of the FunctionError of an invocation that was not finished at its deadline.
const TimedOut = "Sandbox.Timedout"

// Invoke is a Function: it invokes the handler with an event and returns its answer. The handler's context
// has the values of ctx. The error is a *FunctionError, or that of ctx if ctx ends before the handler
// answers. The handler then goes on, as it does at Lambda if its invoker hangs up.
func (l Lambda) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	requestID := uuid.NewString()
	invocation, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
	invocation = lambdacontext.NewContext(invocation, &lambdacontext.LambdaContext{
		AwsRequestID:       requestID,
		InvokedFunctionArn: "arn:aws:lambda:" + Region + ":" + AccountID + ":function:junction-refresh",
	})
	answered := make(chan answer, 1)
	go func() {
		defer cancel()
		payload, err := l.Handler.Invoke(invocation, event)
		answered <- answer{payload, err}
	}()
	timeout := time.NewTimer(l.Timeout)
	defer timeout.Stop()
	select {
	case a := <-answered:
		if a.err != nil {
			return nil, functionError(a.err)
		}
		return a.payload, nil
	case <-timeout.C:
		return nil, &FunctionError{
			Type:    TimedOut,
			Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, l.Timeout.Seconds()),
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// functionError returns what Lambda reports of a handler's error: the type and message that a
// messages.InvokeResponse_Error names, otherwise the Go type and the text.
func functionError(err error) *FunctionError {
	var named messages.InvokeResponse_Error
	if errors.As(err, &named) {
		return &FunctionError{Type: named.Type, Message: named.Message}
	}
	return &FunctionError{Type: fmt.Sprintf("%T", err), Message: err.Error()}
}
