package result

import "strings"

const (
	// maxID is the longest request or trace ID that is accepted; a UUID has 36 bytes.
	maxID = 64
	// idLetters are what such IDs consist of.
	idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
)

// IsID reports whether text can be a request or trace ID: 1 to 64 letters, digits and hyphens.
func IsID(text string) bool {
	return text != "" && len(text) <= maxID && strings.Trim(text, idLetters) == ""
}
