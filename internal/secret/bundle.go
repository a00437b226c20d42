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
	WebhookSecrets []sensitive.String // of callers that sign
	Tokens         []sensitive.String // of callers that send one
}

// ParseBundle reads the secret's value: the team key itself or, where it begins with "{", JSON such
// as {"api_key": "sk_us_…", "webhook_secrets": ["whsec_…"], "tokens": ["…"]}. White space around
// each entry is dropped, since editors and shells like to add a line's end. No error quotes the value.
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
			return Bundle{}, errors.New("the secret begins like JSON and is not the documented JSON")
		}
	}
	key := strings.TrimSpace(raw.APIKey)
	if key == "" {
		return Bundle{}, errors.New("the secret has no api_key")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Bundle{}, errors.New("the secret's api_key has characters that no key has")
	}
	return Bundle{APIKey: sensitive.New(key), WebhookSecrets: all(raw.WebhookSecrets), Tokens: all(raw.Tokens)}, nil
}

func all(texts []string) []sensitive.String {
	out := make([]sensitive.String, 0, len(texts))
	for _, text := range texts {
		out = append(out, sensitive.New(strings.TrimSpace(text)))
	}
	return out
}
