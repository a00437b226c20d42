package document

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Object is a JSON object whose values are not decoded yet. Its keys are exact: encoding/json would
// match the fields of a struct in any case.
type Object map[string]json.RawMessage

// ParseObject decodes a JSON object. ok is false for anything else, null included.
func ParseObject(raw []byte) (o Object, ok bool) {
	return o, json.Unmarshal(raw, &o) == nil && o != nil
}

// Has reports whether there is a value other than null.
func (o Object) Has(key string) bool {
	raw, ok := o[key]
	return ok && string(raw) != "null"
}

// Text returns a string value, or "" if there is none.
func (o Object) Text(key string) (s string) {
	_ = json.Unmarshal(o[key], &s)
	return s
}

// ID returns a request or trace ID, or "" if there is none.
func (o Object) ID(key string) string {
	if id := o.Text(key); result.IsID(id) {
		return id
	}
	return ""
}

// Object returns an object value, or nil if there is none.
func (o Object) Object(key string) Object {
	child, _ := ParseObject(o[key])
	return child
}

// IsEnvelope reports whether the object is an EventBridge event.
func (o Object) IsEnvelope() bool { return o.Has("detail-type") && o.Has("source") }

// keys lists the object's keys for its sender: bounded, and never logged.
func (o Object) keys() string {
	if len(o) == 0 {
		return "no key"
	}
	keys := slices.Sorted(maps.Keys(o))
	if len(keys) > 10 {
		keys = append(keys[:10], "…")
	}
	for i := range keys {
		keys[i] = Shorten(keys[i])
	}
	return strings.Join(keys, ", ")
}

// Shorten bounds a word that is quoted back to its sender.
func Shorten(word string) string {
	if len(word) > 40 {
		word = strings.ToValidUTF8(word[:40], "") + "…"
	}
	return word
}
