package junctiontest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is a request to the simulator, with the status of its answer.
type Request struct {
	Method      string
	Host        string
	Path        string // decoded
	EscapedPath string // as it was sent
	RawQuery    string
	Header      Header
	Body        string    // the first 4 KiB; Junction's own calls have no body
	UserID      string    // canonical ID, if the request is a refresh with a valid one; else ""
	At          time.Time // when it arrived
	Status      int       // of the answer; 0: not answered, or not yet
}

// URL returns the path and query as they were sent.
func (r Request) URL() string {
	if r.RawQuery == "" {
		return r.EscapedPath
	}
	return r.EscapedPath + "?" + r.RawQuery
}

// String returns one line without headers: "POST /v2/user/refresh/…?timeout=30 → 200".
func (r Request) String() string {
	return fmt.Sprintf("%s %s → %d", r.Method, r.URL(), r.Status)
}

// Exchange is a request with its answer: see [OnExchange].
type Exchange struct {
	Request
	Answer    http.Header // of the answer; nil if there was none
	Body      []byte      // the first 64 KiB of the answer's body, encoded as it was sent
	BodyBytes int64       // length of the body that was sent
	Took      time.Duration
}

// String returns one line for people: the request, the status and the beginning of the body. The key is masked
// everywhere, even in the body.
func (e Exchange) String() string {
	status := "no answer"
	if e.Status != 0 {
		status = fmt.Sprint(e.Status)
	}
	text := fmt.Sprintf("%s %s → %s in %v", e.Method, e.URL(), status, e.Took.Round(time.Millisecond))
	if body := printable(e.Body, e.BodyBytes); body != "" {
		text += " " + body
	}
	if key := e.Header.Get(KeyHeader); key != "" {
		text = strings.ReplaceAll(text, key, maskKey(key))
	}
	return text
}

// GoString returns String, so that %#v does not print the key either.
func (e Exchange) GoString() string { return e.String() }

// printable returns the first 1 KiB of a body, with a dot for each unprintable character.
func printable(body []byte, sent int64) string {
	const maxBytes = 1 << 10
	text := strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		if c < ' ' || c == '�' || c == 0x7f {
			return '.'
		}
		return c
	}, string(body[:min(len(body), maxBytes)]))
	if sent > int64(min(len(body), maxBytes)) {
		text += fmt.Sprintf("… (%d bytes)", sent)
	}
	return text
}

// Header has a request's headers. Get and Values return them as they were sent; when a Header is printed, credentials
// are masked.
type Header http.Header

// Get returns the header's first value as it was sent, or "".
func (h Header) Get(name string) string { return http.Header(h).Get(name) }

// Values returns all values of the header as they were sent.
func (h Header) Values(name string) []string { return http.Header(h).Values(name) }

// Masked returns a copy with masked credentials.
func (h Header) Masked() http.Header {
	masked := http.Header(h).Clone()
	for _, name := range []string{KeyHeader, "Authorization", "Cookie"} {
		values := slices.Clone(masked[name])
		for i := range values {
			values[i] = maskKey(values[i])
		}
		if values != nil {
			masked[name] = values
		}
	}
	return masked
}

// String returns the masked headers, sorted by name.
func (h Header) String() string { return fmt.Sprint(map[string][]string(h.Masked())) }

// GoString returns String.
func (h Header) GoString() string { return h.String() }

// MarshalJSON implements json.Marshaler with the masked headers.
func (h Header) MarshalJSON() ([]byte, error) { return json.Marshal(h.Masked()) }

// LogValue implements slog.LogValuer with the masked headers.
func (h Header) LogValue() slog.Value { return slog.AnyValue(map[string][]string(h.Masked())) }

// maskKey masks a key except for the prefix of its environment: "sk_us_****".
func maskKey(key string) string {
	for _, prefix := range []string{"pk_us_", "pk_eu_", "sk_us_", "sk_eu_"} {
		if strings.HasPrefix(key, prefix) {
			return prefix + "****"
		}
	}
	return "****"
}
