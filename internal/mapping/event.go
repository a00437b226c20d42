package mapping

import (
	"bytes"
	"crypto/md5" //nolint:gosec // G501: a checksum, which SQS gives every message
	"encoding/hex"
	"encoding/json"
)

// envelope is what stands before and after the records of an event.
var envelope = [2]string{`{"Records":[`, `]}`}

// record is a message as it stands in an event.
type record struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"` // nothing sends any
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

// record encodes a message, without HTML's escapes.
func (o options) record(m Message) []byte {
	if m.Attributes == nil {
		m.Attributes = map[string]string{}
	}
	sum := md5.Sum([]byte(m.Body)) //nolint:gosec // G401: see the import
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(record{ // texts: no error
		MessageID: m.ID, ReceiptHandle: m.ReceiptHandle, Body: m.Body, Attributes: m.Attributes,
		MD5OfBody: hex.EncodeToString(sum[:]), EventSource: "aws:sqs", EventSourceARN: o.ARN, AWSRegion: o.region,
	})
	return bytes.TrimSpace(b.Bytes())
}

// event is the document that the function gets of a batch.
func event(batch []item) []byte {
	var b bytes.Buffer
	b.WriteString(envelope[0])
	for i, one := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(one.record)
	}
	b.WriteString(envelope[1])
	return b.Bytes()
}
