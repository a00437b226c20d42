// Package document owns the refresh document: what every trigger comes down to, and what travels on the
// queue. It reads documents from JSON, writes queue messages and reads them back.
package document

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxDocument is the largest refresh document, in bytes, after base64.
const maxDocument = 1 << 20

// Document is a refresh document. A document of the zero value is empty and not usable.
type Document struct {
	Users     []result.User  // one, or several if Many; none if All
	Many      bool           // the document asked for many users, and is answered so
	All       bool           // for all users of the team, or for one page of them
	Page      Page           // of all users; the zero value if the document names no page
	Timeout   float64        // seconds asked for; finite
	MaxAge    *time.Duration // the oldest stored result that will do; nil if the document does not say
	RequestID string         // "" if the document has none; set even if the document cannot be used
	Ignored   bool           // a Junction webhook, or a result of our own, that asks for no refresh

	ConnectionError *result.ConnectionError // of a Junction webhook that reports one; also if it asks for a refresh
}

// Page is a part of Junction's list of users.
type Page struct{ Offset, Limit int }

// Reader reads refresh documents. Its errors are *result.Failure with the code invalid_request.
type Reader struct {
	DefaultTimeout float64    // seconds, if a document has none
	UserIDPaths    [][]string // where else a user ID may be, key by key
	WebhookEvents  []string   // the types of Junction's webhooks that refresh
	Queue          bool       // there is a queue, which all_users needs
}

// selectors are the keys of a document that name its users.
var selectors = []string{"user_id", "client_user_id", "user_ids", "all_users"}

// Read decodes a refresh document.
func (r *Reader) Read(raw []byte) (Document, error) { return r.read(raw, false) }

// ReadSvix decodes a refresh document that came with Svix's headers, as Junction's webhooks do.
func (r *Reader) ReadSvix(raw []byte) (Document, error) { return r.read(raw, true) }

func parse(raw []byte) (Object, error) {
	if len(raw) > maxDocument {
		f := result.Fail(result.InvalidRequest, "the document is over 1 MiB")
		f.HTTPStatus = http.StatusRequestEntityTooLarge
		return nil, f
	}
	o, ok := ParseObject(raw)
	if !ok {
		return nil, result.Fail(result.InvalidRequest, "the document is not a JSON object")
	}
	return o, nil
}

// read decodes a document. With an event_type, one that is from Junction is a Junction webhook. A result that
// is fed back as a document would start the next refresh, and so on.
func (r *Reader) read(raw []byte, fromSvix bool) (d Document, err error) {
	o, err := parse(raw)
	if err != nil {
		return d, err
	}
	d.RequestID = o.ID("request_id")
	isWebhook := false
	if eventType := o.Text("event_type"); o.Has("event_type") && (fromSvix || o.Has("team_id")) {
		isWebhook = !slices.Contains(r.WebhookEvents, eventType)
		if eventType == "provider.connection.error" {
			d.ConnectionError = readConnectionError(o)
		}
	}
	isResult := o.Has("status") && o.Has("request_id") && o.Has("completed_at")
	if isWebhook || isResult {
		d.Ignored = true
		if id, err := ParseUserID(o.Text("user_id")); err == nil {
			d.Users = []result.User{{ID: id, ClientUserID: o.clientUserID()}}
		}
		return d, nil
	}
	d.Timeout = r.DefaultTimeout
	err = r.readUsers(o, &d)
	if err == nil && o.Has("timeout") {
		d.Timeout, err = ParseTimeout(number(o, "timeout"))
	}
	if err == nil && o.Has("max_age") {
		d.MaxAge, err = ParseMaxAge(number(o, "max_age"))
	}
	if err != nil {
		return Document{RequestID: d.RequestID}, err
	}
	return d, nil
}

// readConnectionError reads what a Junction webhook says of a broken connection, or returns nil if it does not
// say whose connection to which provider that is.
func readConnectionError(o Object) *result.ConnectionError {
	data := o.Object("data")
	id, err := ParseUserID(cmp.Or(o.Text("user_id"), data.Text("user_id")))
	provider := cmp.Or(data.Text("provider"), data.Object("provider").Text("slug"))
	if err != nil || result.Word(provider) == "" {
		return nil
	}
	return result.NewConnectionError(result.User{ID: id, ClientUserID: o.clientUserID()}, provider, data.Text("error_type"))
}

func (r *Reader) readUsers(o Object, d *Document) (err error) {
	named := slices.DeleteFunc(slices.Clone(selectors), func(key string) bool { return !o.Has(key) })
	switch {
	case len(named) == 0:
		return r.searchUser(o, d)
	case len(named) > 1 && (o.Has("user_ids") || o.Has("all_users")):
		return result.Fail(result.InvalidRequest, "the document has both "+strings.Join(named, " and "))
	case named[0] == "all_users":
		if string(o["all_users"]) != "true" {
			return InvalidValue("all_users is not true")
		}
		if !r.Queue {
			return result.Fail(result.InvalidRequest, "all_users needs a queue (REFRESH_QUEUE_URL)")
		}
		d.Many, d.All = true, true
		d.Page, err = readPage(o)
	case named[0] == "user_ids":
		d.Many = true
		d.Users, err = readUserIDs(o["user_ids"])
		if len(d.Users) > maxUsersAtOnce && !r.Queue {
			return result.Fail(result.InvalidRequest, "more than 5,000 users need a queue (REFRESH_QUEUE_URL)")
		}
	case named[0] == "user_id": // also beside a client_user_id, as in Junction's own envelopes
		d.Users, err = readUserID(o["user_id"], "user_id")
		if err == nil {
			d.Users[0].ClientUserID = o.clientUserID()
		}
	default:
		d.Users, err = readClientUserID(o["client_user_id"])
	}
	return err
}

// searchUser looks for the user ID in another sender's webhook, at the configured paths.
func (r *Reader) searchUser(o Object, d *Document) (err error) {
	var names []string
	for _, path := range r.UserIDPaths {
		parent := o
		for _, key := range path[:len(path)-1] {
			parent = parent.Object(key)
		}
		name, last := strings.Join(path, "."), path[len(path)-1]
		if parent.Has(last) {
			d.Users, err = readUserID(parent[last], name)
			return err
		}
		names = append(names, name)
	}
	f := result.Fail(result.InvalidRequest, "the document names no user")
	f.Shown = "the document names no user: it has none of " + strings.Join(selectors, ", ") +
		", and nothing at " + strings.Join(names, ", ") + "; seen: " + o.keys()
	return f
}

// number returns the text of a value that is a number or a numeric string.
func number(o Object, key string) string {
	if o[key][0] == '"' {
		return o.Text(key)
	}
	return string(o[key])
}

// readPage reads which page of all users is meant: none if the document names no offset.
func readPage(o Object) (Page, error) {
	if !o.Has("offset") {
		return Page{}, nil
	}
	p := Page{Limit: pageSize}
	if json.Unmarshal(o["offset"], &p.Offset) != nil || p.Offset < 0 || p.Offset > maxOffset {
		return Page{}, InvalidValue("offset is not a whole number from 0 to 1,000,000,000")
	}
	if o.Has("limit") && (json.Unmarshal(o["limit"], &p.Limit) != nil || p.Limit < 1 || p.Limit > pageSize) {
		return Page{}, InvalidValue("limit is not a whole number from 1 to 500")
	}
	return p, nil
}
