// Package delivery remembers which webhook deliveries were answered already, and how: in this process, or
// in a DynamoDB table that all instances share. The ID of a delivery is short: auth.Guard.Admit makes it.
package delivery

import (
	"encoding/json"
	"errors"
	"time"
)

const (
	// keepFor is how long an answer is remembered: Svix retries a delivery for about 28 hours.
	keepFor = 48 * time.Hour
	// maxAnswer is the largest answer that is remembered, in bytes; a DynamoDB item holds at most 400 KB.
	maxAnswer = 64 << 10
	// tolerance is how far ahead the clock of the instance that stored an answer may be.
	tolerance = time.Minute
)

// errTooLarge says that an answer is not remembered: if the delivery is sent again it is processed again, as
// far as the quota allows.
var errTooLarge = errors.New("the answer is too large to be remembered")

// errNotAnAnswer says that what is stored was not an answer of this function. The table is outside input.
var errNotAnAnswer = errors.New("what is stored is not an HTTP response")

// checked returns an answer that was stored if it is an HTTP response in the form in which this function answers
// API Gateway. With another field, or one of another type, API Gateway would answer with an error of its own.
func checked(answer []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	var status int
	var body string
	var headers map[string]string
	base64 := json.RawMessage("false") // this function's answers are JSON
	targets := map[string]any{"statusCode": &status, "headers": &headers, "body": &body, "isBase64Encoded": &base64}
	valid := json.Unmarshal(answer, &fields) == nil
	for name, raw := range fields {
		valid = valid && json.Unmarshal(raw, targets[name]) == nil // nor into the nil of another name
	}
	if !valid || string(base64) != "false" || status < 200 || status > 599 || body == "" {
		return nil, errNotAnAnswer
	}
	return answer, nil
}
