package awstest

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// EventBridgeEvent returns the event that an EventBridge rule delivers if source asks for a refresh. detail
// is the refresh document, as JSON.
func EventBridgeEvent(source, detail string) string {
	return string(encode(events.EventBridgeEvent{
		Version: "0", ID: "3f6c1b0a-5b7e-4d9e-9a55-6f0b8f1f2c11", Source: source,
		DetailType: "Junction User Refresh Requested", AccountID: AccountID, Region: Region,
		Time: time.Date(2026, 11, 23, 18, 12, 30, 0, time.UTC), Resources: []string{}, Detail: json.RawMessage(detail),
	}))
}
