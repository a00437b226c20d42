package webhook

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The bounds of a signed message. The Standard Webhooks library has none of them, and no clock that
// can be set; the comparison itself is the library's.
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

// families are the prefixes of the three headers of a signed message. Headers of the two are never
// mixed: that would let a part of one message pass with a part of another.
var families = []string{"Webhook-", "Svix-"}

// messagesOf returns the signed messages that the headers make, in the form of the Standard Webhooks
// library: at most one a family, each whole, in bounds and of now.
func (g *Guard) messagesOf(call Call) []http.Header {
	if !g.signature || !call.Webhook {
		return nil
	}
	var messages []http.Header
	for _, family := range families {
		message := http.Header{}
		for _, name := range []string{"Id", "Timestamp", "Signature"} {
			values := call.Header[family+name]
			if len(values) != 1 || values[0] == "" || len(values[0]) > maxHeader {
				break
			}
			message["Webhook-"+name] = values
		}
		if len(message) == 3 && plain(message.Get("Webhook-Id")) && g.timely(message.Get("Webhook-Timestamp")) && strings.Count(message.Get("Webhook-Signature"), " ") < maxSignatures {
			messages = append(messages, message)
		}
	}
	return messages
}

// plain says whether a message ID is printable ASCII without what JSON objects begin with. What is signed is
// the ID, the time and the body with full stops between; an ID that could hold the beginning of a body
// would let one signed body pass as another.
func plain(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '"' })
}

// timely says whether a message's time, in seconds since 1970 and in its one written form, is near
// enough to now.
func (g *Guard) timely(text string) bool {
	at, err := strconv.ParseInt(text, 10, 64)
	return err == nil && text == strconv.FormatInt(at, 10) && g.now().Sub(time.Unix(at, 0)).Abs() <= tolerance
}

// anySignatureMatches checks every message with every secret.
func anySignatureMatches(messages []http.Header, body []byte, secrets []sensitive.String) bool {
	match := false
	for _, s := range secrets {
		v := verifier(s)
		if v == nil {
			continue
		}
		for _, message := range messages {
			// The time is checked already, by a clock that tests can set.
			match = v.VerifyIgnoringTimestamp(body, message) == nil || match
		}
	}
	return match
}

// verifier returns what verifies with a secret ("whsec_" and base64, or the base64 alone); nil for one
// that must never match.
func verifier(s sensitive.String) *standardwebhooks.Webhook {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), "whsec_"))
	if err != nil || len(key) < MinSecret {
		return nil
	}
	v, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil
	}
	return v
}

// Sign returns the headers that a sender with this secret sends with a body, in Junction's own family
// ("svix-"). The error says that the secret cannot sign.
func Sign(s sensitive.String, id string, at time.Time, body []byte) (http.Header, error) {
	v := verifier(s)
	if v == nil {
		return nil, errCannotSign
	}
	signature, err := v.Sign(id, at, body)
	if err != nil {
		return nil, err
	}
	return http.Header{
		"Svix-Id": {id}, "Svix-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Svix-Signature": {signature},
	}, nil
}

var errCannotSign = errors.New(`a webhook secret is "whsec_" and the base64 of 16 bytes or more`)
