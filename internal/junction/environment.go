package junction

import (
	"cmp"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// environment is one of Junction's environments, with the prefix of its keys.
type environment struct{ name, prefix, url string }

// environments are those of Junction's documentation ("Environments").
var environments = []environment{
	{"production", "pk_us_", "https://api.us.junction.com"},
	{"production_eu", "pk_eu_", "https://api.eu.junction.com"},
	{"sandbox", "sk_us_", "https://api.sandbox.us.junction.com"},
	{"sandbox_eu", "sk_eu_", "https://api.sandbox.eu.junction.com"},
}

// base returns the URL for calls with the given key. A key for another environment than the configured one is
// an error, so that it is never sent to a host that it is not for.
func (c *Client) base(key sensitive.String) (string, error) {
	var ofKey, configured environment
	for _, e := range environments {
		if strings.HasPrefix(key.Reveal(), e.prefix) {
			ofKey = e
		}
		if e.name == c.options.Environment {
			configured = e
		}
	}
	if ofKey.name != "" && configured.name != "" && ofKey != configured {
		return "", result.Fail(result.Misconfigured, "the key is for "+ofKey.name+", and JUNCTION_ENVIRONMENT is "+configured.name)
	}
	if url := cmp.Or(c.options.BaseURL, ofKey.url, configured.url); url != "" {
		return url, nil
	}
	return "", result.Fail(result.Misconfigured, "the key's prefix does not tell its environment; set JUNCTION_ENVIRONMENT")
}
