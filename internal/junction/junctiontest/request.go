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

// Request is a request that reached the simulator, and the status that it got.
type Request struct {
	Method      string
	Host        string
	Path        string // decoded
	EscapedPath string // as it was sent
	RawQuery    string
	Header      Header
	Body        string    // its first 4 KiB; Junction's calls have none
	UserID      string    // of a refresh with a well-formed ID, canonical; else ""
	At          time.Time // when it came
	Status      int       // what it was answered; 0: not yet, or never
}

// URL is the path and query as they were sent.
func (r Request) URL() string {
	if r.RawQuery == "" {
		return r.EscapedPath
	}
	return r.EscapedPath + "?" + r.RawQuery
}

// String is one line without headers: "POST /v2/user/refresh/…?timeout=30 → 200".
func (r Request) String() string {
	return fmt.Sprintf("%s %s → %d", r.Method, r.URL(), r.Status)
}

// Exchange is a request with its answer, as [OnExchange] gets it.
type Exchange struct {
	Request
	Answer    http.Header // headers of the answer; nil where there was none
	Body      []byte      // the first 64 KiB of the answer's body, encoded as it was sent
	BodyBytes int64       // the length of the body sent
	Took      time.Duration
}

// String is one line for a person: the request, the status and the beginning of the body. The key
// does not show, even if the body should repeat it.
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

// GoString is String, so that %#v shows no key either.
func (e Exchange) GoString() string { return e.String() }

// printable is a body cut to 1 KiB, with everything unprintable as dots.
func printable(body []byte, sent int64) string {
	const most = 1 << 10
	text := strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		if c < ' ' || c == '�' || c == 0x7f {
			return '.'
		}
		return c
	}, string(body[:min(len(body), most)]))
	if sent > int64(min(len(body), most)) {
		text += fmt.Sprintf("… (%d bytes)", sent)
	}
	return text
}

// Header is a copy of a request's headers. Get and Values give what was sent; printed in whatever
// way, credentials are masked.
type Header http.Header

// Get is the header's first value as it was sent, "" where there is none.
func (h Header) Get(name string) string { return http.Header(h).Get(name) }

// Values are all the header's values as they were sent.
func (h Header) Values(name string) []string { return http.Header(h).Values(name) }

// Masked is a copy in which credentials cannot be read.
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

// String prints the masked headers, sorted by name.
func (h Header) String() string { return fmt.Sprint(map[string][]string(h.Masked())) }

// GoString is String.
func (h Header) GoString() string { return h.String() }

// MarshalJSON encodes the masked headers.
func (h Header) MarshalJSON() ([]byte, error) { return json.Marshal(h.Masked()) }

// LogValue logs the masked headers.
func (h Header) LogValue() slog.Value { return slog.AnyValue(map[string][]string(h.Masked())) }

// maskKey leaves of a key only what says its environment ("sk_us_****"), of anything else nothing.
func maskKey(key string) string {
	for _, prefix := range []string{"pk_us_", "pk_eu_", "sk_us_", "sk_eu_"} {
		if strings.HasPrefix(key, prefix) {
			return prefix + "****"
		}
	}
	return "****"
}
