package harness

import (
	"encoding/json"
	"testing"
)

// Decode decodes JSON.
func Decode[T any](t *testing.T, text []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// Encode encodes JSON.
func Encode(t *testing.T, value any) []byte {
	t.Helper()
	return Must(json.Marshal(value))(t)
}
