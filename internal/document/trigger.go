package document

// Trigger is what invoked the function.
type Trigger string

// The triggers, as the log and the metrics name them.
const (
	HTTPAPI     Trigger = "http-api"     // API Gateway HTTP API, payload 2.0
	RESTAPI     Trigger = "rest-api"     // API Gateway REST API, payload 1.0
	FunctionURL Trigger = "function-url" // Lambda function URL, payload 2.0
	EventBridge Trigger = "eventbridge"  // EventBridge rule
	SQS         Trigger = "sqs"
	Direct      Trigger = "direct" // direct call, EventBridge Scheduler, Step Functions
)

// HTTP reports whether the trigger waits for an HTTP response.
func (t Trigger) HTTP() bool { return t == HTTPAPI || t == RESTAPI || t == FunctionURL }

func (t Trigger) known() bool { return t.HTTP() || t == EventBridge || t == SQS || t == Direct }
