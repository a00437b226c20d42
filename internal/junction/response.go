package junction

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// readRefresh decodes the answer to a refresh of a user. A list that is null or absent counts as
// empty: to call a refresh that succeeded a failure would spend another of the user's 8 an hour.
func readRefresh(got response, userID string) (result.Answer, error) {
	if got.status != http.StatusOK && got.status != http.StatusAccepted {
		return result.Answer{}, refreshFailure(got, userID)
	}
	var body struct {
		Success    *bool    `json:"success"`
		UserID     string   `json:"user_id"`
		Refreshed  []string `json:"refreshed_sources"`
		InProgress []string `json:"in_progress_sources"`
		Failed     []string `json:"failed_sources"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil || body.Success == nil {
		return result.Answer{}, malformed(got, "it is not the documented JSON", nil)
	}
	if !*body.Success {
		return result.Answer{}, malformed(got, "it says both success and failure", nil)
	}
	if !strings.EqualFold(body.UserID, userID) {
		return result.Answer{}, malformed(got, "it is about another user", nil)
	}
	return result.Answer{
		Status:    got.status,
		Refreshed: got.redacted(body.Refreshed), InProgress: got.redacted(body.InProgress), Failed: got.redacted(body.Failed),
	}, nil
}

// readUser decodes the answer to a resolve. Only the ID is read: the rest is personal data.
func readUser(got response) (string, error) {
	if got.status != http.StatusOK {
		return "", statusFailure(got)
	}
	var body struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		return "", malformed(got, "it is not the documented JSON", nil)
	}
	id, err := uuid.Parse(body.UserID)
	if err != nil {
		return "", malformed(got, "it names no user", nil)
	}
	return id.String(), nil
}

// maxTotal is more users than any team has.
const maxTotal = 1_000_000_000

// readPage decodes a page of users. Only IDs are kept: the rest is personal data. A user who certainly
// has no connected source is left out.
func readPage(got response) (result.Page, error) {
	if got.status == http.StatusNotFound { // no user is missing, but the call
		f := result.Fail(result.UpstreamRejected, "Junction does not list users")
		f.UpstreamStatus = got.status
		return result.Page{}, f
	}
	if got.status != http.StatusOK {
		return result.Page{}, statusFailure(got)
	}
	var body struct {
		Users []struct {
			UserID  string          `json:"user_id"`
			Sources json.RawMessage `json:"connected_sources"`
		} `json:"users"`
		Total *int `json:"total"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil || body.Users == nil || body.Total == nil || *body.Total < 0 || *body.Total > maxTotal {
		return result.Page{}, malformed(got, "it is not the documented JSON", nil)
	}
	page := result.Page{Total: *body.Total}
	seen := make(map[string]bool, len(body.Users))
	for _, user := range body.Users {
		id, err := uuid.Parse(user.UserID)
		if err != nil {
			return result.Page{}, malformed(got, "a user has no ID", nil)
		}
		var sources []json.RawMessage
		none := json.Unmarshal(user.Sources, &sources) == nil && sources != nil && len(sources) == 0
		if id := id.String(); !none && !seen[id] {
			seen[id] = true
			page.UserIDs = append(page.UserIDs, id)
		}
	}
	return page, nil
}

// redacted takes the key out of names that Junction sent, should it echo it.
func (got response) redacted(names []string) []string {
	for i := range names {
		names[i] = got.key.Redact(names[i])
	}
	return names
}
