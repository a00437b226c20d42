package result

import "strings"

const maxWord = 64

// Word returns text if it can be one of Junction's own words, such as an error_type ("token_refresh_failed") or
// the slug of a provider ("apple_health_kit"): 1 to 64 lower-case letters, digits and underscores. Otherwise it
// returns "". Junction may add words at any time.
func Word(text string) string {
	foreign := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if len(text) > maxWord || strings.ContainsFunc(text, foreign) {
		return ""
	}
	return text
}
