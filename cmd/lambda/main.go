// Command lambda is the AWS Lambda function: it is built as "bootstrap" for provided.al2023.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/app"
)

// version is stamped by the build.
var version = "dev"

func main() {
	log := lambdacontext.NewLogger()
	function, err := app.New(os.Environ(), version, log, app.Options{Metrics: os.Stdout})
	if err != nil {
		log.Error("the configuration is invalid; the function does not start", slog.String("version", version), slog.String("error", err.Error()))
		os.Exit(1)
	}
	lambda.Start(function)
}
