package auth

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

// The bounds of a signed message. docs/architecture.md says why the library of Standard Webhooks is not used.
const (
	// tolerance is how far a message's time may be from now, in either direction (Standard Webhooks,
	// "Verifying timestamps").
	tolerance = 5 * time.Minute
	// MinSecret is the least length of a webhook secret, in bytes after base64. A shorter one never matches.
	// Standard Webhooks asks for 24 to 64.
	MinSecret = 16
	// maxSignatures is the largest number of signatures of one message: one per secret while secrets are
	// rotated.
	maxSignatures = 10
	// maxHeader is the longest that each of the three headers may be, in bytes.
	maxHeader = 2048
)

// families are the names of the three headers of a signed message. The headers of the two families are never
// mixed: a part of one message would pass with a part of another.
var families = [...]struct{ id, timestamp, signature string }{
	{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
	{"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
}

// message is the three headers of a signed message, within bounds and recent.
type message struct {
	id         string
	at         time.Time
	signatures string // separated by spaces
}

// messagesOf returns the signed messages in the headers: at most one per family.
func (g *Guard) messagesOf(call Call) []message {
	if !g.allows("signature") || !call.Webhook {
		return nil
	}
	messages := make([]message, 0, len(families)) // does not escape
	for _, f := range families {
		id, timestamp, signatures := single(call.Header[f.id]), single(call.Header[f.timestamp]), single(call.Header[f.signature])
		at, ok := g.recent(timestamp)
		if ok && id != "" && isMessageID(id) && signatures != "" && strings.Count(signatures, " ") < maxSignatures {
			messages = append(messages, message{id, at, signatures})
		}
	}
	return messages
}

// single returns the only value of a header. It is "" if there are none or several, or if it is too long.
func single(values []string) string {
	if len(values) != 1 || len(values[0]) > maxHeader {
		return ""
	}
	return values[0]
}

// isMessageID reports whether a message ID is printable ASCII without the characters that begin a JSON
// object. The ID, the time and the body are signed with full stops between them; if an ID could hold the
// beginning of a body, one signed body could pass as another.
func isMessageID(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '"' })
}

// recent reads a message's time, in seconds since 1970 and in its one written form. ok reports whether it is
// within the tolerance.
func (g *Guard) recent(text string) (at time.Time, ok bool) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	at = time.Unix(seconds, 0)
	return at, err == nil && text == strconv.FormatInt(seconds, 10) && g.now().Sub(at).Abs() <= tolerance
}

// anySignatureMatches checks every message with every secret, and returns the ID and the secret of one that
// matches.
func anySignatureMatches(messages []message, body []byte, secrets []sensitive.String) (id string, by sensitive.String, match bool) {
	for _, s := range secrets {
		key := keyOf(s)
		if key == nil {
			continue
		}
		for _, m := range messages {
			want := signature(key, m.id, m.at, body)
			for got := range strings.SplitSeq(m.signatures, " ") {
				if subtle.ConstantTimeCompare([]byte(got), want) == 1 && !match { // the first, whatever is rotated in after it
					id, by, match = m.id, s, true
				}
			}
		}
	}
	return id, by, match
}

// signature returns a message's signature in the form of its header: "v1," and base64.
func signature(key []byte, id string, at time.Time, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	head := append(make([]byte, 0, 64), id...)
	head = append(strconv.AppendInt(append(head, '.'), at.Unix(), 10), '.')
	_, _ = mac.Write(head) // never fails
	_, _ = mac.Write(body)
	return base64.StdEncoding.AppendEncode([]byte("v1,"), mac.Sum(head[:0]))
}

// keyOf returns the bytes of a webhook secret: "whsec_" and base64, or only the base64, padded or not. It
// returns nil for one that must never match.
func keyOf(s sensitive.String) []byte {
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimPrefix(s.Reveal(), "whsec_"), "="))
	if err != nil || len(key) < MinSecret {
		return nil
	}
	return key
}

// Sign returns the headers of a signed message in Junction's family ("svix-"). The error says that the secret
// cannot sign.
func Sign(s sensitive.String, id string, at time.Time, body []byte) (http.Header, error) {
	key := keyOf(s)
	if key == nil {
		return nil, errors.New(`a webhook secret is "whsec_" and the base64 of 16 bytes or more`)
	}
	return http.Header{
		"Svix-Id": {id}, "Svix-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Svix-Signature": {string(signature(key, id, at, body))},
	}, nil
}
