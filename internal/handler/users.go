package handler

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// pageSize is how many users Junction lists at once, at most.
const pageSize = 500

// maxOffset is more users than any team has.
const maxOffset = 1_000_000_000

// maxClientUserID is the most that an app's own user ID may have, in bytes.
const maxClientUserID = 1024

// page is a part of Junction's list of users.
type page struct{ offset, limit int }

func userIDs(raw json.RawMessage) ([]string, error) {
	var texts []*string
	if json.Unmarshal(raw, &texts) != nil {
		return nil, invalidValue("user_ids is not a list of strings")
	}
	if len(texts) == 0 {
		return nil, invalidValue("user_ids is empty")
	}
	seen := make(map[string]bool, len(texts))
	ids := make([]string, 0, len(texts))
	for i, text := range texts {
		if text == nil {
			return nil, invalidValue("user_ids[" + strconv.Itoa(i) + "] is null")
		}
		id, err := userID(*text)
		if err != nil {
			return nil, invalidValue("user_ids[" + strconv.Itoa(i) + "] is not a UUID")
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// readPage reads which page of all users is meant; none where the document names no offset.
func readPage(o object) (page, error) {
	if !o.has("offset") {
		return page{}, nil
	}
	p := page{limit: pageSize}
	if json.Unmarshal(o["offset"], &p.offset) != nil || p.offset < 0 || p.offset > maxOffset {
		return page{}, invalidValue("offset is not a whole number from 0 to 1,000,000,000")
	}
	if o.has("limit") && (json.Unmarshal(o["limit"], &p.limit) != nil || p.limit < 1 || p.limit > pageSize) {
		return page{}, invalidValue("limit is not a whole number from 1 to 500")
	}
	return p, nil
}

// userID returns a Junction user ID in its one written form, lower case with hyphens.
func userID(text string) (string, error) {
	if len(text) != 36 { // uuid.Parse takes braces, urn: and bare hex digits too
		return "", invalidValue("the user ID is not a UUID")
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return "", invalidValue("the user ID is not a UUID")
	}
	return id.String(), nil
}

// clientUserID takes an app's own user ID. "." and ".." would climb out of the URL's path.
func clientUserID(raw json.RawMessage) (string, error) {
	var id string
	switch {
	case json.Unmarshal(raw, &id) != nil:
		return "", invalidValue("client_user_id is not a string")
	case id == "" || id == "." || id == ".." || len(id) > maxClientUserID:
		return "", invalidValue("client_user_id cannot be an ID: it is empty, dots, or over 1,024 bytes")
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r >= '\uFFFD' && r <= '\uFFFF' }):
		// SQS takes no U+FFFE and U+FFFF either.
		return "", invalidValue("client_user_id has control characters or is not UTF-8")
	}
	return id, nil
}
