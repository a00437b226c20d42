package main

// What AWS allows.
const (
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: a mapping begins with five batches at
	// once and adds up to 300 a minute, up to 1,250; MaximumConcurrency is 2 to 1,000.
	firstBatches      = 5
	batchesPerMinute  = 300
	mostBatches       = 1250
	mostConcurrency   = 1000
	longPollSeconds   = 20 // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
	messagesInFlight  = 120_000
	accountConcurrent = 1000 // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html: a new table,
	// and the default quota of a table.
	newTableUnits  = 4_000
	mostTableUnits = 40_000

	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: PutEvents a second.
	putEvents      = 10_000 // us-east-1, us-west-2, eu-west-1
	putEventsLeast = 400    // the least of all regions
	eventsPerPut   = 10

	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: children that a Distributed Map
	// starts a second.
	standardChildren = 100
	expressChildren  = 1000

	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: calls a second of one API destination.
	destinationCalls = 300
)

// What template.yaml sets, unless told otherwise.
const (
	timeout        = 90.0 // seconds of the function
	headroom       = 2.0  // TIMEOUT_HEADROOM
	maxConcurrency = 100  // MAX_CONCURRENCY
	visibilities   = 6    // times the timeout
	maxReceives    = 5
)
