package main

// Prices in US dollars: us-east-1, list prices of the first tier, without the free tier, as read in November 2026.
// Another region differs; a bill has taxes, discounts and the free tier.
const (
	// https://aws.amazon.com/lambda/pricing/ (Arm, first 7.5 billion GB-seconds a month)
	lambdaGBSecond = 0.0000133334
	lambdaRequest  = 0.20 / million

	// https://aws.amazon.com/sqs/pricing/ (standard queue; a request is up to 64 KB, an empty receive is one too)
	sqsRequest = 0.40 / million

	// https://aws.amazon.com/eventbridge/pricing/ (custom events, up to 64 KB; API destinations)
	busEvent       = 1.00 / million
	apiDestination = 0.20 / million

	// https://aws.amazon.com/dynamodb/pricing/on-demand/ (standard table class, since November 2024)
	tableWriteUnit = 0.625 / million

	// https://aws.amazon.com/cloudwatch/pricing/ (logs of Lambda, first 10 TB a month)
	logsGB = 0.50

	// https://aws.amazon.com/step-functions/pricing/
	standardTransition = 25.0 / million
	expressRequest     = 1.00 / million
	expressGBSecond    = 0.00001667

	// https://aws.amazon.com/secrets-manager/pricing/
	secretMonth = 0.40
)

// What one refresh, or one invocation, has of each.
const (
	// docs/quota.md, "What it costs": two writes a refresh, of an item of up to two begun KiB.
	writesPerRefresh = 2
	unitsPerWrite    = 2

	// The log line of a refresh by a queue, with a trace ID: TestALogLineIsAsLongAsScaleSays.
	bytesPerRefreshLogged = 500
	// Lambda's own lines of an invocation, platform.start and platform.report, by the examples of
	// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
	bytesPerInvocationLogged = 600

	// Messages in one SendMessageBatch, and at most in one receive or delete of Lambda's pollers:
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	messagesPerRequest = 10

	// Users on one page message of {"all_users": true}.
	usersPerPage = 500

	// A child of a Distributed Map is one transition to start, and here one more for its only state:
	// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html
	transitionsPerChild = 2
	// Express workflows are billed in chunks of 64 MB: https://aws.amazon.com/step-functions/pricing/
	expressGB = 64.0 / 1024
)
