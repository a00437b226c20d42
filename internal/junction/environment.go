package junction

import (
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// environments are Junction's, with the prefix that its keys have there (Junction's documentation,
// "Environments").
var environments = []struct{ name, prefix, url string }{
	{"production", "pk_us_", "https://api.us.junction.com"},
	{"production_eu", "pk_eu_", "https://api.eu.junction.com"},
	{"sandbox", "sk_us_", "https://api.sandbox.us.junction.com"},
	{"sandbox_eu", "sk_eu_", "https://api.sandbox.eu.junction.com"},
}

// base returns the URL to call with a key. A key that says another environment than the one that is
// set is refused before any call: it would be sent to a host that it is not for.
func (c *Client) base(key sensitive.String) (string, error) {
	says, url := "", ""
	for _, e := range environments {
		if strings.HasPrefix(key.Reveal(), e.prefix) {
			says, url = e.name, e.url
		}
	}
	set := c.options.Environment
	switch {
	case set != "" && says != "" && set != says:
		return "", result.Fail(result.Misconfigured, "the key is for "+says+", and JUNCTION_ENVIRONMENT is "+set)
	case c.options.BaseURL != "":
		return c.options.BaseURL, nil
	case says != "":
		return url, nil
	}
	for _, e := range environments {
		if e.name == set {
			return e.url, nil
		}
	}
	return "", result.Fail(result.Misconfigured,
		"the key's prefix names no environment of Junction; set JUNCTION_ENVIRONMENT")
}
