// Package sensitive provides a string that cannot be printed, for the Junction team key, the callers' tokens
// and the webhook secrets. It prints as "[redacted]" with every fmt verb, in slog, in JSON and as text. In an
// unexported field, which fmt prints without asking, it shows as an address.
package sensitive

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

const redacted = "[redacted]"

// String is a secret string. The zero value is the empty secret.
//
// The text is kept in a closure instead of a field: fmt reads unexported fields by reflection, without calling
// their methods, but can print only the address of a closure.
type String struct {
	reveal func() string
}

// New returns a secret with the given text.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{reveal: func() string { return text }}
}

// Reveal returns the text. Call it only to send the text or to compare it.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty reports whether the text is empty.
func (s String) Empty() bool { return s.reveal == nil }

// Equal reports whether both texts are the same. How long it takes does not depend on how much of them agrees.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Redact returns text with each occurrence of the secret, in capital or small letters, replaced by "[redacted]".
func (s String) Redact(text string) string {
	secret := s.Reveal()
	if secret == "" {
		return text
	}
	var out strings.Builder
	for len(text) >= len(secret) {
		if strings.EqualFold(text[:len(secret)], secret) {
			out.WriteString(redacted)
			text = text[len(secret):]
			continue
		}
		out.WriteByte(text[0])
		text = text[1:]
	}
	out.WriteString(text)
	return out.String()
}

// UnmarshalText implements encoding.TextUnmarshaler, for the flags of cmd/local.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// Format implements fmt.Formatter: every verb prints "[redacted]".
func (String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer, for code that does not use fmt.
func (String) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, which encoding/json and the handlers of slog use as well.
func (String) MarshalText() ([]byte, error) { return []byte(redacted), nil }
