// Package delivery remembers which webhook deliveries were answered already, and how: in this process, or
// in a DynamoDB table that all instances share.
package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

const (
	// keepFor is how long an answer is remembered: Svix retries a delivery for about 28 hours.
	keepFor = 48 * time.Hour
	// maxAnswer is the largest answer that is remembered, in bytes; a DynamoDB item holds at most 400 KB.
	maxAnswer = 64 << 10
)

// errTooLarge says that an answer is not remembered: if the delivery is sent again it is processed again, as
// far as the quota allows.
var errTooLarge = errors.New("the answer is too large to be remembered")

// hash turns a sender's ID into a key of fixed size.
func hash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
