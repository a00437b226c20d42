package secret

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Bundle is what the secret holds.
type Bundle struct {
	APIKey         sensitive.String   // Junction's team key; never empty
	WebhookSecrets []sensitive.String // of callers that sign their requests
	Tokens         []sensitive.String // of callers that send a token
}

// ParseBundle reads the secret's value: the team key itself or, if it begins with "{", JSON such as
// {"api_key": "sk_us_…", "webhook_secrets": ["whsec_…"], "tokens": ["…"]}. White space around each entry is
// removed, because editors and shells often add a line break. No error quotes the value.
func ParseBundle(value string) (Bundle, error) {
	value = strings.TrimSpace(value)
	raw := struct {
		APIKey         string   `json:"api_key"`
		WebhookSecrets []string `json:"webhook_secrets"`
		Tokens         []string `json:"tokens"`
	}{APIKey: value}
	if strings.HasPrefix(value, "{") {
		raw.APIKey = ""
		if json.Unmarshal([]byte(value), &raw) != nil {
			return Bundle{}, errors.New("the secret begins with { but is not the documented JSON")
		}
	}
	key := strings.TrimSpace(raw.APIKey)
	if key == "" {
		return Bundle{}, errors.New("the secret has no api_key")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Bundle{}, errors.New("the secret's api_key contains characters that are not allowed in a key")
	}
	return Bundle{APIKey: sensitive.New(key), WebhookSecrets: trimmed(raw.WebhookSecrets), Tokens: trimmed(raw.Tokens)}, nil
}

// trimmed returns the texts as secrets, without the white space around them.
func trimmed(texts []string) []sensitive.String {
	out := make([]sensitive.String, 0, len(texts))
	for _, text := range texts {
		out = append(out, sensitive.New(strings.TrimSpace(text)))
	}
	return out
}
