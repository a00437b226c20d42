package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The bounds of a signed message.
//
// This is not the Standard Webhooks library for Go: of "v1,GOOD,v1,BAD", which is what API Gateway makes
// of a header that came twice, it reads the first part alone; it has no clock that can be set and no
// bounds, and takes three times the allocations. The tests hold this code against four senders of that
// project's and Svix's.
const (
	// tolerance is how far a message's time may be from now, either way (Standard Webhooks: "Verifying
	// timestamps").
	tolerance = 5 * time.Minute
	// MinSecret is the least length of a webhook secret, in bytes after base64. Standard Webhooks asks
	// for 24 to 64; a shorter one than this never matches.
	MinSecret = 16
	// maxSignatures is the most signatures that one message may carry: one a secret while secrets are
	// rotated.
	maxSignatures = 10
	// maxHeader is the most bytes of each of the three headers.
	maxHeader = 2048
)

// families are the names of the three headers of a signed message. Headers of the two are never
// mixed: that would let a part of one message pass with a part of another.
var families = [...]struct{ id, timestamp, signature string }{
	{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
	{"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
}

// message is a signed message: its three headers, in bounds and of now.
type message struct {
	id         string
	at         time.Time
	signatures string // separated by spaces
}

// messagesOf returns the signed messages that the headers make: at most one a family, each whole.
func (g *Guard) messagesOf(call Call) (messages [len(families)]message, n int) {
	if !g.signature || !call.Webhook {
		return messages, 0
	}
	for _, f := range families {
		id, timestamp, signatures := one(call.Header[f.id]), one(call.Header[f.timestamp]), one(call.Header[f.signature])
		at, ok := g.timely(timestamp)
		if ok && id != "" && plain(id) && signatures != "" && strings.Count(signatures, " ") < maxSignatures {
			messages[n] = message{id, at, signatures}
			n++
		}
	}
	return messages, n
}

// one returns the only value of a header; "" where there is another number of them, or too much.
func one(values []string) string {
	if len(values) != 1 || len(values[0]) > maxHeader {
		return ""
	}
	return values[0]
}

// plain says whether a message ID is printable ASCII without what JSON objects begin with. What is signed is
// the ID, the time and the body with full stops between; an ID that could hold the beginning of a body
// would let one signed body pass as another.
func plain(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '"' })
}

// timely reads a message's time, in seconds since 1970 and in its one written form; ok says whether
// it is near enough to now.
func (g *Guard) timely(text string) (at time.Time, ok bool) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	at = time.Unix(seconds, 0)
	return at, err == nil && text == strconv.FormatInt(seconds, 10) && g.now().Sub(at).Abs() <= tolerance
}

// anySignatureMatches checks every message with every secret, and returns the ID of one that matches.
func anySignatureMatches(messages []message, body []byte, secrets []sensitive.String) (id string, match bool) {
	for _, s := range secrets {
		key := keyOf(s)
		if key == nil {
			continue
		}
		for _, m := range messages {
			want := signature(key, m.id, m.at, body)
			for shown := range strings.SplitSeq(m.signatures, " ") {
				if subtle.ConstantTimeCompare([]byte(shown), want) == 1 {
					id, match = m.id, true
				}
			}
		}
	}
	return id, match
}

// signature is a message's, as its header has it: "v1," and base64.
func signature(key []byte, id string, at time.Time, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	head := append(make([]byte, 0, 64), id...)
	head = append(strconv.AppendInt(append(head, '.'), at.Unix(), 10), '.')
	_, _ = mac.Write(head) // a hash takes everything
	_, _ = mac.Write(body)
	return base64.StdEncoding.AppendEncode([]byte("v1,"), mac.Sum(head[:0]))
}

// keyOf returns a webhook secret's bytes ("whsec_" and base64, or the base64 alone, padded or not); nil
// for one that must never match.
func keyOf(s sensitive.String) []byte {
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimPrefix(s.Reveal(), "whsec_"), "="))
	if err != nil || len(key) < MinSecret {
		return nil
	}
	return key
}

// Sign returns the headers that a sender with this secret sends with a body, in Junction's own family
// ("svix-"). The error says that the secret cannot sign.
func Sign(s sensitive.String, id string, at time.Time, body []byte) (http.Header, error) {
	key := keyOf(s)
	if key == nil {
		return nil, errCannotSign
	}
	return http.Header{
		"Svix-Id": {id}, "Svix-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Svix-Signature": {string(signature(key, id, at, body))},
	}, nil
}

var errCannotSign = errors.New(`a webhook secret is "whsec_" and the base64 of 16 bytes or more`)
