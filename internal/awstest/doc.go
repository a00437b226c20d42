// Package awstest stands in for AWS on a laptop and in tests. It has
//
//   - the events that AWS services send to a function: Request, SQSEvent, SQSBatch, EventBridgeEvent;
//   - an API Gateway HTTP API in front of a function: Gateway;
//   - Lambda itself, around a handler in this process: Lambda;
//   - the environment of a function under test: Environ.
//
// Its subpackage sqstest has an SQS queue and Lambda's event source mapping.
//
// The name says that none of it ships: no package whose name ends in "test" is part of the function, and
// a test of this package holds that for all of them.
package awstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// What the events say of an AWS account that does not exist.
const (
	Region    = "us-east-1"
	AccountID = "123456789012"
	QueueARN  = "arn:aws:sqs:" + Region + ":" + AccountID + ":refreshes"
)

// Function invokes a Lambda function with an event and returns its answer. An error stands for whatever
// Lambda reports as one: an error that the function returned, a crash, a timeout.
type Function func(ctx context.Context, event []byte) (answer []byte, err error)

// encode returns v as JSON, without HTML's escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("awstest: cannot encode %T: %v", v, err)) // a Lambda authorizer's context may hold anything
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
