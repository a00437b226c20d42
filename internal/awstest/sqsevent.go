package awstest

import (
	"crypto/md5" //nolint:gosec // G501: a checksum, which SQS gives every message
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// SQSBatch returns the event with which Lambda delivers messages that have these bodies. Their message
// IDs are m0, m1, …; each is received for the first time.
func SQSBatch(bodies ...string) string {
	messages := make([]events.SQSMessage, len(bodies))
	for i, body := range bodies {
		messages[i].Body = body
	}
	return SQSEvent(messages...)
}

// SQSEvent returns the event with which Lambda delivers messages. What a message leaves empty is filled
// in: message IDs m0, m1, …, receipt handles handle-m0, …, a first receive, QueueARN, its region, and the
// checksum of the body.
func SQSEvent(messages ...events.SQSMessage) string {
	records := make([]string, len(messages))
	for i, m := range messages {
		if m.MessageId == "" {
			m.MessageId = fmt.Sprintf("m%d", i)
		}
		if m.ReceiptHandle == "" {
			m.ReceiptHandle = "handle-" + m.MessageId
		}
		records[i] = string(SQSRecord(m))
	}
	return SQSEventPrefix + strings.Join(records, ",") + SQSEventSuffix
}

// What stands before and after the records of an SQS event, which have commas between them.
const (
	SQSEventPrefix = `{"Records":[`
	SQSEventSuffix = `]}`
)

// SQSRecord returns a message as it stands in an SQS event, with a first receive, QueueARN, its region
// and the checksum of the body filled in if the message leaves them empty.
func SQSRecord(m events.SQSMessage) []byte {
	if m.Attributes == nil {
		m.Attributes = map[string]string{"ApproximateReceiveCount": "1"}
	}
	if m.MessageAttributes == nil {
		m.MessageAttributes = map[string]events.SQSMessageAttribute{}
	}
	if m.EventSource == "" {
		m.EventSource = "aws:sqs"
	}
	if m.EventSourceARN == "" {
		m.EventSourceARN = QueueARN
	}
	if m.AWSRegion == "" {
		m.AWSRegion = strings.Split(m.EventSourceARN, ":")[3]
	}
	if m.Md5OfBody == "" {
		sum := md5.Sum([]byte(m.Body)) //nolint:gosec // G401: see the import
		m.Md5OfBody = hex.EncodeToString(sum[:])
	}
	return encode(sqsRecord{SQSMessage: m})
}

// sqsRecord is a message without the checksum of its attributes, which aws-lambda-go's type always writes
// and Lambda writes only if there are any.
type sqsRecord struct {
	events.SQSMessage
	Md5OfMessageAttributes *struct{} `json:"md5OfMessageAttributes,omitempty"`
}
