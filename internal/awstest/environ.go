package awstest

import (
	"maps"
	"slices"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// Credentials that no stand-in of AWS checks.
const (
	accessKey = "AKIAIOSFODNN7EXAMPLE" //nolint:gosec // G101: the example of AWS's own documentation
	secretKey = "no-secret"
)

// Environ returns the environment of a function under test, as "NAME=value" entries, sorted. Of two given
// entries with one name the later counts, and each counts before what Environ adds:
//
//   - AWS_REGION, and credentials that only a stand-in of AWS takes;
//   - CALLER_AUTH=none, which lets every HTTP caller in;
//   - JUNCTION_API_KEY with junctiontest's key, unless JUNCTION_SECRET_ID is given.
func Environ(given ...string) []string {
	values := map[string]string{
		"AWS_REGION": Region, "AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "CALLER_AUTH": "none",
	}
	for _, entry := range given {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	if _, ok := values["JUNCTION_API_KEY"]; !ok && values["JUNCTION_SECRET_ID"] == "" {
		values["JUNCTION_API_KEY"] = junctiontest.DefaultKey
	}
	entries := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		entries = append(entries, name+"="+values[name])
	}
	return entries
}

// Endpoint returns the entries that make the AWS SDK call a stand-in at url: for these services, named as
// in the SDK's own variables (SQS, SECRETS_MANAGER, …), or for all services if none is named.
func Endpoint(url string, services ...string) []string {
	if len(services) == 0 {
		return []string{"AWS_ENDPOINT_URL=" + url}
	}
	entries := make([]string, len(services))
	for i, service := range services {
		entries[i] = "AWS_ENDPOINT_URL_" + service + "=" + url
	}
	return entries
}

// SetEndpoint makes the AWS SDK in this process call a stand-in at url, for the rest of a test: for these
// services, or for all if none is named. It sets a region and credentials too. t is a *testing.T.
func SetEndpoint(t interface{ Setenv(name, value string) }, url string, services ...string) {
	t.Setenv("AWS_REGION", Region)
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	for _, entry := range Endpoint(url, services...) {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
}
