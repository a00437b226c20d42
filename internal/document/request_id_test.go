package document_test

import (
	"strings"
	"testing"
)

// requestIDs are values of request_id, or of an EventBridge event's id, and what is read of them.
var requestIDs = map[string]struct{ json, want string }{
	"a UUID":                   {`"8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f"`, "8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f"},
	"one letter":               {`"Z"`, "Z"},
	"digits in quotes":         {`"42"`, "42"},
	"a hyphen":                 {`"-"`, "-"},
	"an escaped letter":        {`"\u0061bc"`, "abc"},
	"64 letters":               {`"` + strings.Repeat("x", 64) + `"`, strings.Repeat("x", 64)},
	"65 letters":               {`"` + strings.Repeat("x", 65) + `"`, ""},
	"empty":                    {`""`, ""},
	"null":                     {`null`, ""},
	"a number":                 {`42`, ""},
	"a list":                   {`["a"]`, ""},
	"an object":                {`{"id":"a"}`, ""},
	"an underscore":            {`"a_b"`, ""},
	"a dot":                    {`"a.b"`, ""},
	"a slash":                  {`"a/b"`, ""},
	"a colon":                  {`"a:b"`, ""},
	"words":                    {`"a caller's words"`, ""},
	"a space at the end":       {`"a "`, ""},
	"a line break":             {`"a\nb"`, ""},
	"a NUL":                    {`"a\u0000"`, ""},
	"a letter that is not a-z": {`"é"`, ""},
	"a digit that is not 0-9":  {`"٣"`, ""},
	"a quote":                  {`"a\"b"`, ""},
}

func TestTheRequestIDIsTheDocumentsOwn(t *testing.T) {
	for name, c := range requestIDs {
		t.Run(name, func(t *testing.T) {
			raw := `{"user_id":"` + user + `","request_id":` + c.json + `}`
			for source, read := range map[string]func() (string, error){
				"a document": func() (string, error) {
					d, err := newReader().Read([]byte(raw))
					return d.RequestID, err
				},
				"a document with Svix's headers": func() (string, error) {
					d, err := newReader().ReadSvix([]byte(raw))
					return d.RequestID, err
				},
				"a message": func() (string, error) {
					m, err := newReader().ReadMessage(raw)
					return m.RequestID, err
				},
				"an event's detail, in a message": func() (string, error) {
					m, err := newReader().ReadMessage(`{"detail-type":"x","source":"my.app","detail":` + raw + `}`)
					return m.RequestID, err
				},
			} {
				if got, err := read(); err != nil || got != c.want {
					t.Errorf("of %s it is %q, error %v; want %q", source, got, err, c.want)
				}
			}
		})
	}
}

func TestARequestIDThatCannotBeOneRefusesNoDocument(t *testing.T) {
	for name, c := range requestIDs {
		t.Run(name, func(t *testing.T) {
			d, err := newReader().Read([]byte(`{"user_ids":["` + user + `"],"request_id":` + c.json + `}`))
			if err != nil || len(d.Users) != 1 {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

func TestARefusedDocumentKeepsItsRequestID(t *testing.T) {
	for name, keys := range map[string]string{
		"no user":           `"x":1`,
		"a bad user":        `"user_id":"x"`,
		"a bad list":        `"user_ids":["x"]`,
		"a bad timeout":     `"user_id":"` + user + `","timeout":"x"`,
		"a bad max_age":     `"user_id":"` + user + `","max_age":"x"`,
		"a bad app's ID":    `"client_user_id":""`,
		"two selectors":     `"user_ids":[],"all_users":true`,
		"no queue":          `"all_users":true`,
		"a bad follow-up":   `"follow_up":{}`,
		"a bad page":        `"all_users":true,"offset":-1`,
		"a user not to see": `"data":{"user_id":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			raw := `{"request_id":"r-1",` + keys + `}`
			d, err := newReader().Read([]byte(raw))
			_ = refusal(t, err)
			if d.RequestID != "r-1" {
				t.Errorf("the document's request ID is %q, want r-1", d.RequestID)
			}
			m, err := newReader().ReadMessage(raw)
			_ = refusal(t, err)
			if m.RequestID != "r-1" {
				t.Errorf("the message's request ID is %q, want r-1", m.RequestID)
			}
			m, err = newReader().ReadMessage(`{"detail-type":"x","source":"my.app","id":"e-1","detail":` + raw + `}`)
			_ = refusal(t, err)
			if m.RequestID != "r-1" {
				t.Errorf("the event's request ID is %q, want r-1", m.RequestID)
			}
		})
	}
}

func TestAnIgnoredDocumentKeepsItsRequestID(t *testing.T) {
	d, err := newReader().Read([]byte(`{"event_type":"daily.data.x","team_id":"t","user_id":"` + user + `","request_id":"r-1"}`))
	if err != nil || !d.Ignored || d.RequestID != "r-1" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTheRequestIDOfAnEventInAMessageIsTheEventsIDIfTheDocumentHasNone(t *testing.T) {
	envelope := func(id, detail string) string {
		return `{"detail-type":"x","source":"my.app","id":` + id + `,"detail":` + detail + `}`
	}
	for name, c := range requestIDs {
		t.Run(name, func(t *testing.T) {
			for what, detail := range map[string]string{
				"a good document":                      `{"user_id":"` + user + `"}`,
				"a document with an ID that is no use": `{"user_id":"` + user + `","request_id":"not one"}`,
				"a document that is refused":           `{}`,
			} {
				if m, _ := newReader().ReadMessage(envelope(c.json, detail)); m.RequestID != c.want {
					t.Errorf("of %s it is %q, want %q", what, m.RequestID, c.want)
				}
			}
		})
	}
	t.Run("the document's own wins", func(t *testing.T) {
		m, err := newReader().ReadMessage(envelope(`"e-1"`, `{"user_id":"`+user+`","request_id":"r-1"}`))
		if err != nil || m.RequestID != "r-1" {
			t.Errorf("it is %q, error %v", m.RequestID, err)
		}
	})
}
