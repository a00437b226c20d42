package junction

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// maxDetail is how many bytes the detail of a 422 may have; a longer one is not passed on.
const maxDetail = 32 << 10

// detail returns the detail of a 422 without the key, or nil. The key is removed from the decoded texts, because
// the encoded ones can have any of its letters escaped.
func detail(r response) json.RawMessage {
	var body struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(r.body, &body) != nil || len(body.Detail) > maxDetail {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body.Detail))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil { // there is none
		return nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(r.redactedValue(value)) != nil || out.Len() > maxDetail {
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

// redactedValue removes the key from all texts of a JSON value.
func (r response) redactedValue(value any) any {
	switch v := value.(type) {
	case string:
		return r.key.Redact(v)
	case json.Number: // a key can consist of digits
		if text := r.key.Redact(v.String()); text != v.String() {
			return text
		}
	case []any:
		for i := range v {
			v[i] = r.redactedValue(v[i])
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, field := range v {
			out[r.key.Redact(name)] = r.redactedValue(field)
		}
		return out
	}
	return value
}

// redactedNames removes from names what cannot be printed, and then the key: with an invisible character in it, it
// would not be found, but could still be read.
func (r response) redactedNames(names []string) []string {
	for i := range names {
		names[i] = r.key.Redact(strings.Map(printable, names[i]))
	}
	return names
}

// printable drops what cannot be printed, for strings.Map.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}
