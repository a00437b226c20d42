// Package sensitive holds values that must never be seen: the Junction team key, caller tokens,
// webhook secrets. A value prints as "[redacted]" under every fmt verb, in slog, JSON and text, also
// when it is an unexported field of something that is printed.
package sensitive

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// String is a secret string. The zero value is the empty secret.
//
// It keeps its text in a closure and not in a field: fmt reads unexported fields by reflection
// without asking their methods, and of a closure it can print an address only.
type String struct {
	reveal func() string
}

// New wraps text.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{reveal: func() string { return text }}
}

// Reveal returns the text. Call it only where the text is put on the wire or compared.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty says whether there is no text.
func (s String) Empty() bool { return s.reveal == nil }

// Equal compares in constant time, whatever the lengths.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Redact returns text with every occurrence of the secret replaced.
func (s String) Redact(text string) string {
	if s.Empty() {
		return text
	}
	return strings.ReplaceAll(text, s.Reveal(), redacted)
}

// UnmarshalText lets configuration libraries fill a String.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// Format implements fmt.Formatter for every verb.
func (String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer for callers that do not go through fmt.
func (String) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which encoding/json uses too.
func (String) MarshalText() ([]byte, error) { return []byte(redacted), nil }
