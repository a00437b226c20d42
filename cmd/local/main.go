// Command local is the Lambda function on a laptop: the real handler, invoked as Lambda invokes it,
// against a simulator of Junction or (with --live) against Junction itself.
//
//	go run ./cmd/local                       # one event, explained
//	go run ./cmd/local invoke events/sqs.json
//	go run ./cmd/local serve
//	go run ./cmd/local refresh USER...
//	go run ./cmd/local --help
//
// Files whose names begin with cmd have the commands and what they share; those with print have what is
// printed. What stands in for AWS and for Junction is in internal/awstest and internal/junction/junctiontest.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
