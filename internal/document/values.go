package document

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// pageSize is the largest page of Junction's list of users.
	pageSize = 500
	// maxOffset is more users than any team has.
	maxOffset = 1_000_000_000
	// maxUsersAtOnce is how many users one document may name without a queue: more results than these would not
	// fit into Lambda's answer of 6 MB, however short each is.
	maxUsersAtOnce = 5_000
	// maxClientUserID is the longest that an app's own user ID may be, in bytes.
	maxClientUserID = 1024
)

// ParseUserID returns a Junction user ID in its one written form, lower case with hyphens.
func ParseUserID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 { // uuid.Parse takes braces, urn: and bare hex digits too
		return "", InvalidValue("the user ID is not a UUID")
	}
	return id.String(), nil
}

// ParseTimeout reads a finite decimal number of seconds.
func ParseTimeout(text string) (float64, error) {
	text = strings.TrimSpace(text)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, InvalidValue("timeout is not a finite number of seconds")
	}
	return v, nil
}

// MaxAge is the oldest result that max_age can ask for.
const MaxAge = time.Hour

// ParseMaxAge reads a number of seconds from 0 to 3600.
func ParseMaxAge(text string) (*time.Duration, error) {
	seconds, err := ParseTimeout(text)
	if err != nil || seconds < 0 || seconds > MaxAge.Seconds() {
		return nil, InvalidValue("max_age is not a number of seconds from 0 to 3600")
	}
	return new(time.Duration(math.Round(seconds * float64(time.Second)))), nil
}

// InvalidValue is the failure of a request that can be read but has a value that cannot be used.
func InvalidValue(message string) *result.Failure {
	f := result.Fail(result.InvalidRequest, message)
	f.HTTPStatus = http.StatusUnprocessableEntity
	return f
}

// readUserID reads the one user ID, found under a name.
func readUserID(raw json.RawMessage, name string) ([]result.User, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, InvalidValue(name + " is not a string")
	}
	id, err := ParseUserID(text)
	if err != nil {
		return nil, InvalidValue(name + " is not a UUID")
	}
	return []result.User{{ID: id}}, nil
}

// readUserIDs reads a list of user IDs and drops repetitions. One bad ID rejects the list.
func readUserIDs(raw json.RawMessage) ([]result.User, error) {
	var texts []*string
	if json.Unmarshal(raw, &texts) != nil {
		return nil, InvalidValue("user_ids is not a list of strings")
	}
	if len(texts) == 0 {
		return nil, InvalidValue("user_ids is empty")
	}
	seen := make(map[string]bool, len(texts))
	users := make([]result.User, 0, len(texts))
	for i, text := range texts {
		if text == nil {
			return nil, InvalidValue("user_ids[" + strconv.Itoa(i) + "] is null")
		}
		id, err := ParseUserID(*text)
		if err != nil {
			return nil, InvalidValue("user_ids[" + strconv.Itoa(i) + "] is not a UUID")
		}
		if !seen[id] {
			seen[id] = true
			users = append(users, result.User{ID: id})
		}
	}
	return users, nil
}

// knownClientUserID returns an app's own user ID, or "" if it cannot be one.
func knownClientUserID(id string) string {
	if checkClientUserID(id) != nil {
		return ""
	}
	return id
}

// clientUserID returns the app's own user ID that a document has in addition to Junction's. It is "" if there is
// none, or none that can be an ID.
func (o Object) clientUserID() string { return knownClientUserID(o.Text("client_user_id")) }

// readClientUserID reads the one user, found by the app's own ID.
func readClientUserID(raw json.RawMessage) ([]result.User, error) {
	var id string
	if json.Unmarshal(raw, &id) != nil {
		return nil, InvalidValue("client_user_id is not a string")
	}
	return []result.User{{ClientUserID: id}}, checkClientUserID(id)
}

// checkClientUserID returns an error if text cannot be an app's own user ID. "." and ".." would climb out of
// the URL's path.
func checkClientUserID(id string) error {
	switch {
	case id == "" || id == "." || id == ".." || len(id) > maxClientUserID:
		return InvalidValue("client_user_id cannot be an ID: it is empty, dots, or over 1,024 bytes")
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r >= '\uFFFD' && r <= '\uFFFF' }):
		// SQS does not accept U+FFFE and U+FFFF either.
		return InvalidValue("client_user_id has control characters or is not UTF-8")
	}
	return nil
}
