package main

// Quotas and limits of AWS.
const (
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: a mapping starts with five concurrent
	// batches and adds up to 300 per minute, up to 1,250; MaximumConcurrency is 2 to 1,000.
	initialBatches    = 5
	batchesPerMinute  = 300
	maxBatches        = 1250
	maxMappingBatches = 1000
	longPollSeconds   = 20 // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
	messagesInFlight  = 120_000
	accountConcurrent = 1000 // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html: write units per
	// second of a new table, and the default quota of a table.
	newTableUnits = 4_000
	maxTableUnits = 40_000

	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: PutEvents calls per second.
	putEvents         = 10_000 // us-east-1, us-west-2, eu-west-1
	putEventsSmallest = 400    // the regions with the lowest quota
	eventsPerPut      = 10

	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: children that a Distributed Map
	// starts per second.
	standardChildren = 100
	expressChildren  = 1000

	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: calls per second of one API destination.
	destinationCalls = 300
)

// The defaults of template.yaml.
const (
	timeout        = 90.0 // of the function, in seconds
	headroom       = 2.0  // TIMEOUT_HEADROOM, in seconds
	maxConcurrency = 100  // MAX_CONCURRENCY
	visibilities   = 6    // the visibility timeout, in function timeouts
	maxReceives    = 5
	maxLooks       = 5 // the pauses of FOLLOW_UP

	// The alarms and the dashboard: TestScaleCountsTheAlarmsOfTheTemplate.
	watchedMetrics  = 27
	compositeAlarms = 1
	filteredMetrics = 10 // custom metrics that are made for the alarms
	dashboards      = 1

	// The function's own metrics, per trigger, and those of them that only the queue has.
	functionMetrics = 16
	followUpMetrics = 3
)
