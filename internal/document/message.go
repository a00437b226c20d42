package document

import (
	"encoding/json"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Message is a refresh document as it is queued: for one user, or for one page of all users.
type Message struct {
	UserID       string  `json:"user_id,omitempty"`
	ClientUserID string  `json:"client_user_id,omitempty"`
	AllUsers     bool    `json:"all_users,omitempty"`
	Offset       *int    `json:"offset,omitempty"`
	Limit        int     `json:"limit,omitempty"`
	Timeout      float64 `json:"timeout"` // seconds, as asked for
	Origin
}

// Origin says what a message was queued for.
type Origin struct {
	Trigger   Trigger `json:"trigger"`
	RequestID string  `json:"request_id,omitempty"` // of the answer that its caller got
}

// Messages returns a document's messages, one per user. For all users see PageMessages.
func (d Document) Messages(from Origin) []Message {
	m := Message{ClientUserID: d.ClientUserID, Timeout: d.Timeout, Origin: from}
	if d.ClientUserID != "" {
		return []Message{m}
	}
	messages := make([]Message, 0, len(d.UserIDs))
	for _, id := range d.UserIDs {
		m.UserID = id
		messages = append(messages, m)
	}
	return messages
}

// PageMessages returns the messages for all users of a team: one per page.
//
// With a message per page, any number of users is three invocations deep. Lambda stops a function that
// invokes itself through SQS about 16 times in a row, as one would that queued its own next page.
func (d Document) PageMessages(from Origin, users int) []Message {
	var messages []Message
	for offset := 0; offset < users; offset += pageSize {
		messages = append(messages, Message{AllUsers: true, Offset: &offset, Limit: pageSize, Timeout: d.Timeout, Origin: from})
	}
	return messages
}

// Body returns the message as JSON.
func (m Message) Body() string {
	text, _ := json.Marshal(m) // strings and finite numbers: no error
	return string(text)
}

// ParseMessage decodes a message that this function queued.
func ParseMessage(body string) (m Message, err error) {
	err = json.Unmarshal([]byte(body), &m)
	return m, err
}

const (
	// maxID is the longest request or trace ID that is accepted; a UUID has 36 bytes.
	maxID = 64
	// idLetters are what such IDs consist of.
	idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
)

// IsID reports whether text can be a request or trace ID: 1 to 64 letters, digits and hyphens.
func IsID(text string) bool {
	return text != "" && len(text) <= maxID && strings.Trim(text, idLetters) == ""
}

// ReadMessage decodes a queue message: a refresh document, whoever sent it, or an EventBridge event with
// one as its detail. What it says of its origin is checked, since it goes into the log and on; the fields
// of from that are missing or invalid are "".
func (r *Reader) ReadMessage(body string) (d Document, from Origin, err error) {
	raw := []byte(body)
	o, _ := ParseObject(raw)
	if o.IsEnvelope() {
		if o.Text("source") == result.EventSource {
			return Document{Ignored: true}, from, nil
		}
		d, err = r.Read(o["detail"])
		return d, from, err
	}
	if id := o.Text("request_id"); IsID(id) {
		from.RequestID = id
	}
	if t := Trigger(o.Text("trigger")); t.known() {
		from.Trigger = t
	}
	d, err = r.Read(raw)
	return d, from, err
}
