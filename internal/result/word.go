package result

import "strings"

// maxWord is the longest ID or word that is accepted, in bytes; a UUID has 36.
const maxWord = 64

// IsID reports whether text can be a request or trace ID: 1 to 64 letters, digits and hyphens.
func IsID(text string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return text != "" && len(text) <= maxWord && strings.Trim(text, letters) == ""
}

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
