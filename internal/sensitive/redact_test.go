package sensitive_test

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestASecretIsRedactedWhereverItIsInAText(t *testing.T) {
	for text, want := range map[string]string{
		"Secret-1":                  "[redacted]",
		"SECRET-1 secret-1":         "[redacted] [redacted]",
		"secret-secret-1-1":         "secret-[redacted]-1",
		"éSecret-1é":                "é[redacted]é",
		"\xffSecret-1\xff":          "\xff[redacted]\xff",
		"Secret-":                   "Secret-",
		"a text that does not have": "a text that does not have",
		"":                          "",
	} {
		t.Run(text, func(t *testing.T) {
			if got := sensitive.New("Secret-1").Redact(text); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
