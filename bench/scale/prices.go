package main

// Prices in US dollars: list prices of the first tier in us-east-1, as of November 2026, without taxes, discounts and
// the free tier. They differ between regions.
const (
	// https://aws.amazon.com/lambda/pricing/ (Arm, first 7.5 billion GB-seconds per month)
	lambdaGBSecond = 0.0000133334
	lambdaRequest  = 0.20 / million

	// https://aws.amazon.com/sqs/pricing/ (standard queue; a request has up to 64 KB, and an empty receive is one)
	sqsRequest = 0.40 / million

	// https://aws.amazon.com/eventbridge/pricing/ (custom events, up to 64 KB; API destinations)
	busEvent       = 1.00 / million
	apiDestination = 0.20 / million

	// https://aws.amazon.com/dynamodb/pricing/on-demand/ (standard table class, since November 2024)
	tableWriteUnit = 0.625 / million

	// https://aws.amazon.com/cloudwatch/pricing/ (logs of Lambda, first 10 TB per month)
	logsGB = 0.50

	// The same page (alarms: each metric that an alarm at standard resolution watches, and each composite alarm; custom
	// metrics: the first 10,000, for the hours in which they have data)
	alarmMetricMonth  = 0.10
	compositeMonth    = 0.50
	customMetricMonth = 0.30

	// The same page (dashboards beyond the three of the free tier)
	dashboardMonth = 3.00

	// https://aws.amazon.com/step-functions/pricing/
	standardTransition = 25.0 / million
	expressRequest     = 1.00 / million
	expressGBSecond    = 0.00001667

	// https://aws.amazon.com/secrets-manager/pricing/
	secretMonth = 0.40
)

// Quantities per refresh or invocation.
const (
	// docs/quota.md, "What it costs": two writes per refresh, of an item of up to 1 KiB: a user with 30 sources.
	writesPerRefresh = 2
	unitsPerWrite    = 1

	// The log line of a refresh through the queue, with a trace ID: TestLogLineLengthMatchesScale.
	bytesPerRefreshLogged = 500
	// Lambda's own lines per invocation, platform.start and platform.report, as in the examples of
	// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
	bytesPerInvocationLogged = 600

	// The line of metrics of an invocation with one refresh, and how much longer it is for each further one:
	// TestMetricsLineLengthMatchesScale.
	bytesPerMetricsLine    = 450
	bytesPerFurtherRefresh = 8

	// How long Junction takes for a look at a user's sources: a cautious assumption.
	lookSeconds = 0.5

	// Messages per SendMessageBatch, and at most per receive or delete of Lambda's pollers:
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	messagesPerRequest = 10

	// Users per page message of {"all_users": true}.
	usersPerPage = 500

	// Starting a child of a Distributed Map is one transition, and its only state is another one:
	// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html
	transitionsPerChild = 2
	// Express workflows are billed in chunks of 64 MB: https://aws.amazon.com/step-functions/pricing/
	expressGB = 64.0 / 1024
)
