package document

import (
	"cmp"
	"encoding/json"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Message is a refresh document as it is queued: for one user, for one page of all users, or a follow-up.
type Message struct {
	UserID       string           `json:"user_id,omitempty"`
	ClientUserID string           `json:"client_user_id,omitempty"`
	AllUsers     bool             `json:"all_users,omitempty"`
	Offset       *int             `json:"offset,omitempty"`
	Limit        int              `json:"limit,omitempty"`
	Timeout      float64          `json:"timeout"`           // seconds, as asked for
	MaxAge       *float64         `json:"max_age,omitempty"` // seconds
	FollowUp     *result.FollowUp `json:"follow_up,omitempty"`
	Origin
}

// Origin says what a message was queued for.
type Origin struct {
	Trigger   Trigger `json:"trigger"`
	RequestID string  `json:"request_id,omitempty"` // of the request, over all its messages
}

// message returns what all of a document's messages have in common.
func (d Document) message(from Origin) Message {
	m := Message{Timeout: d.Timeout, Origin: from}
	if d.MaxAge != nil {
		m.MaxAge = new(d.MaxAge.Seconds())
	}
	return m
}

// Messages returns a document's messages, one per user. For all users see PageMessages. An app's own user ID
// that comes from Junction's list may be anything: one that cannot be an ID is left out.
func (d Document) Messages(from Origin) []Message {
	m := d.message(from)
	messages := make([]Message, 0, len(d.Users))
	for _, user := range d.Users {
		m.UserID, m.ClientUserID = user.ID, knownClientUserID(user.ClientUserID)
		messages = append(messages, m)
	}
	return messages
}

// PageMessages returns the messages for all users of a team: one per page.
//
// With a message per page, any number of users is three invocations deep. Lambda stops a function that
// invokes itself through SQS about 16 times in a row, as one would that queued its own next page.
func (d Document) PageMessages(from Origin, users int) []Message {
	m := d.message(from)
	m.AllUsers, m.Limit = true, pageSize
	var messages []Message
	for offset := 0; offset < users; offset += pageSize {
		m.Offset = new(offset)
		messages = append(messages, m)
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

// Received is what a queue message asks for: a refresh, or the next look of a follow-up.
type Received struct {
	Document
	FollowUp *result.FollowUp // nil if the message asks for a refresh
	QueuedBy Trigger          // what the message was queued for; "" if it does not say
}

// ReadMessage decodes a queue message: a refresh document, whoever sent it, an EventBridge event with one as
// its detail, or a follow-up. Everything in it is checked, also what this function wrote itself.
func (r *Reader) ReadMessage(body string) (m Received, err error) {
	raw := []byte(body)
	o, _ := ParseObject(raw)
	if o.IsEnvelope() {
		if o.Text("source") == result.EventSource {
			m.Ignored = true
			return m, nil
		}
		m.Document, err = r.Read(o["detail"])
		m.RequestID = cmp.Or(m.RequestID, o.ID("id"))
		return m, err
	}
	if t := Trigger(o.Text("trigger")); t.known() {
		m.QueuedBy = t
	}
	if o.Has("follow_up") {
		m.RequestID = o.ID("request_id")
		m.FollowUp, err = readFollowUp(o["follow_up"])
		return m, err
	}
	m.Document, err = r.Read(raw)
	return m, err
}

// readFollowUp decodes a follow-up that this function wrote, unless somebody else did.
func readFollowUp(raw json.RawMessage) (*result.FollowUp, error) {
	var f result.FollowUp
	malformed := json.Unmarshal(raw, &f)
	id, err := ParseUserID(f.UserID)
	if malformed != nil || err != nil || !f.Valid() {
		return nil, InvalidValue("follow_up is not a follow-up of this function")
	}
	f.UserID, f.ClientUserID = id, knownClientUserID(f.ClientUserID)
	return &f, nil
}
