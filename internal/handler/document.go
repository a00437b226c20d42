package handler

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxDocument is the most that a refresh document may have, in bytes, after base64.
const maxDocument = 1 << 20

// document is a refresh document: what every trigger comes down to.
type document struct {
	userIDs      []string // Junction user IDs: one, or several where many
	clientUserID string   // the app's own ID of the one user, instead
	many         bool     // the document asked for many users, and is answered so
	all          bool     // for all users of the team, or for a page of them
	page         page     // of all users; none where its limit is 0
	timeout      float64  // seconds asked for
	ignored      bool     // a Junction webhook that asks for no refresh
}

// reader reads refresh documents.
type reader struct {
	defaultTimeout float64
	userIDPaths    [][]string // where else a user ID may be, key by key
	webhookEvents  []string   // the types of Junction's webhooks that refresh
	queue          bool       // there is one, which all users need
}

// selectors are the keys of a document that say who is to be refreshed.
var selectors = []string{"user_id", "client_user_id", "user_ids", "all_users"}

// read decodes a refresh document. svix says that it came with Svix's headers, as Junction's webhooks
// do. Errors are invalid_request.
func (r *reader) read(raw []byte, svix bool) (document, error) {
	if len(raw) > maxDocument {
		f := result.Fail(result.InvalidRequest, "the document is over 1 MiB")
		f.HTTPStatus = http.StatusRequestEntityTooLarge
		return document{}, f
	}
	o, ok := parseObject(raw)
	if !ok {
		return document{}, result.Fail(result.InvalidRequest, "the document is no JSON object")
	}
	return r.readObject(o, svix)
}

func (r *reader) readObject(o object, svix bool) (document, error) {
	d := document{}
	if o.has("event_type") && (o.has("team_id") || svix) && !slices.Contains(r.webhookEvents, o.text("event_type")) {
		d.ignored = true
		if id, err := userID(o.text("user_id")); err == nil {
			d.userIDs = []string{id}
		}
		return d, nil
	}
	if err := r.readUsers(o, &d); err != nil {
		return document{}, err
	}
	timeout, err := r.readTimeout(o)
	d.timeout = timeout
	return d, err
}

// readUsers finds out who is to be refreshed.
func (r *reader) readUsers(o object, d *document) (err error) {
	var named []string
	for _, key := range selectors {
		if o.has(key) {
			named = append(named, key)
		}
	}
	switch {
	case len(named) == 0:
		return r.searchUser(o, d)
	case len(named) > 1 && (o.has("user_ids") || o.has("all_users")):
		return result.Fail(result.InvalidRequest, "the document has "+strings.Join(named, " and ")+" beside each other")
	case named[0] == "all_users":
		if string(o["all_users"]) != "true" {
			return invalidValue("all_users is not true")
		}
		if !r.queue {
			return result.Fail(result.InvalidRequest, "all_users needs a queue (REFRESH_QUEUE_URL)")
		}
		d.many, d.all = true, true
		d.page, err = readPage(o)
	case named[0] == "user_ids":
		d.many = true
		d.userIDs, err = userIDs(o["user_ids"])
	case named[0] == "user_id": // also beside a client_user_id, as in Junction's own envelopes
		err = d.setUser(o["user_id"], "user_id")
	default:
		d.clientUserID, err = clientUserID(o["client_user_id"])
	}
	return err
}

// searchUser looks for the user ID where somebody else's webhook may have it.
func (r *reader) searchUser(o object, d *document) error {
	var names []string
	for _, path := range r.userIDPaths {
		parent := o
		for _, key := range path[:len(path)-1] {
			parent = parent.object(key)
		}
		name, last := strings.Join(path, "."), path[len(path)-1]
		if parent.has(last) {
			return d.setUser(parent[last], name)
		}
		names = append(names, name)
	}
	f := result.Fail(result.InvalidRequest, "the document names no user")
	f.Shown = "the document names no user: it has none of " + strings.Join(selectors, ", ") +
		", and nothing at " + strings.Join(names, ", ") + "; seen: " + o.seen()
	return f
}

// setUser makes the value found under a name the one user to refresh.
func (d *document) setUser(raw json.RawMessage, name string) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return invalidValue(name + " is not a string")
	}
	id, err := userID(text)
	if err != nil {
		return invalidValue(name + " is not a UUID")
	}
	d.userIDs = []string{id}
	return nil
}

// readTimeout returns the document's timeout, a number or a numeric string, or the default.
func (r *reader) readTimeout(o object) (float64, error) {
	if !o.has("timeout") {
		return r.defaultTimeout, nil
	}
	raw := o["timeout"]
	if raw[0] == '"' {
		return seconds(o.text("timeout"))
	}
	return seconds(string(raw))
}

// seconds reads a finite decimal number.
func seconds(text string) (float64, error) {
	text = strings.TrimSpace(text)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, invalidValue("timeout is not a finite number of seconds")
	}
	return v, nil
}

// invalidValue is a request that can be read and has a value that cannot be used.
func invalidValue(message string) *result.Failure {
	f := result.Fail(result.InvalidRequest, message)
	f.HTTPStatus = http.StatusUnprocessableEntity
	return f
}
