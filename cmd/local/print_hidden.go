package main

import "regexp"

var keyPrefix = regexp.MustCompile(`^[ps]k_(us|eu)_`)

// mask returns what is shown instead of a secret: the part of a key that names its environment, and
// nothing of any other secret.
func mask(text string) string { return keyPrefix.FindString(text) + "****" }

// credentialHeaders are the headers of an event that identify its caller, in indented JSON: a string, or a list.
var credentialHeaders = regexp.MustCompile(`(?im)^(\s*"(?:authorization|proxy-authorization|x-vital-api-key|cookies?)": )("(?:[^"\\]|\\.)*"|\[[^\]]*\])`)

// maskCredentials hides the credentials of an event in indented JSON.
func maskCredentials(event []byte) []byte {
	return credentialHeaders.ReplaceAll(event, []byte(`$1"****"`))
}
