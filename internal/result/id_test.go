package result_test

import (
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAnIDIsShortAndPlain(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"a UUID":                       {"8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f", true},
		"letters and digits":           {"Run42", true},
		"64 characters":                {strings.Repeat("x", 64), true},
		"65 characters":                {strings.Repeat("x", 65), false},
		"none":                         {"", false},
		"a space":                      {"a b", false},
		"a slash":                      {"a/b", false},
		"a line break":                 {"a\n", false},
		"a letter of another alphabet": {"é", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := result.IsID(c.text); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}
