// Command worker is one instance of the function for tests: what app.New makes of the environment, with as many
// invocations at once as it is sent. Lambda would spread them over instances.
//
// It prints the URL that it listens on. Each POST is an event, with an X-Ray header or without; the answer is
// the function's, or 500 with the error that it returns to Lambda. Its log goes to stderr.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/app"
)

func main() {
	timeout := flag.Duration("timeout", 20*time.Second, "the timeout of an invocation")
	flag.Parse()
	if err := serve(*timeout); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func serve(timeout time.Duration) error {
	function, err := app.New(os.Environ(), "test", slog.New(slog.NewJSONHandler(os.Stderr, nil)), app.Options{})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return // the test is gone
		}
		// As in Lambda: an invocation goes on when its caller leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), timeout)
		defer cancel()
		ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: rand.Text()})
		ctx = context.WithValue(ctx, "x-amzn-trace-id", r.Header.Get("X-Amzn-Trace-Id")) //nolint:revive,staticcheck // the key is aws-lambda-go's
		answer, err := function.Invoke(ctx, event)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			failed, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // Lambda looks at the outermost type too
			if !ok {
				failed.Message = err.Error()
			}
			answer, _ = json.Marshal(failed)
		}
		_, _ = w.Write(answer)
	})}
	return server.Serve(listener)
}
