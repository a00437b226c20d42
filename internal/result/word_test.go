package result_test

import (
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAReasonIsOneShortWord(t *testing.T) {
	for name, c := range map[string]struct{ errorType, want string }{
		"a documented type":        {"token_refresh_failed", "token_refresh_failed"},
		"a new type":               {"error_42", "error_42"},
		"none":                     {"", ""},
		"64 characters":            {strings.Repeat("x", 64), strings.Repeat("x", 64)},
		"65 characters":            {strings.Repeat("x", 65), ""},
		"a sentence":               {"Token refresh failed", ""},
		"a capital":                {"Unknown", ""},
		"a letter that is not a-z": {"é", ""},
		"a line break":             {"unknown\n", ""},
		"a redacted key":           {"[redacted]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := result.Word(c.errorType); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
