package junction

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxSources is how many sources an answer to a refresh may list. A user has some tens. 1 MiB can list 170,000
// of them; their result would take over 100 MB of memory, and seconds of a small Lambda's processor after the
// call has ended.
const maxSources = 10_000

// readRefresh decodes the answer to a refresh of a user. A list that is null or missing counts as empty: if the
// refresh were taken for a failure, a retry would use another of the user's 8 calls per hour.
func readRefresh(r response, userID string) (answer result.Answer, err error) {
	rejected := r.status == http.StatusBadRequest
	if r.status != http.StatusOK && r.status != http.StatusAccepted && !rejected {
		return answer, statusFailure(r)
	}
	var body struct {
		Success    *bool    `json:"success"`
		UserID     string   `json:"user_id"`
		Error      any      `json:"error"` // a string if the refresh was rejected
		Refreshed  []string `json:"refreshed_sources"`
		InProgress []string `json:"in_progress_sources"`
		Failed     []string `json:"failed_sources"`
	}
	err = json.Unmarshal(r.body, &body)
	why, _ := body.Error.(string)
	switch {
	case err != nil || body.Success == nil || rejected && (*body.Success || why == ""):
		return answer, malformed(r, "it is not the documented JSON", nil)
	case !*body.Success && !rejected:
		return answer, malformed(r, "its success is false, but its status is not an error", nil)
	case !strings.EqualFold(body.UserID, userID):
		return answer, malformed(r, "it is for another user", nil)
	case len(body.Refreshed)+len(body.InProgress)+len(body.Failed) > maxSources:
		return answer, malformed(r, "it lists more than 10,000 sources", nil)
	case rejected:
		return answer, rejection(r, why, body.Failed)
	}
	answer.Status = r.status
	answer.Refreshed = r.redactedNames(body.Refreshed)
	answer.InProgress = r.redactedNames(body.InProgress)
	answer.Failed = r.redactedNames(body.Failed)
	return answer, nil
}

// readUser decodes the answer to a resolve. It reads only the ID, because the rest is personal data.
func readUser(r response) (string, error) {
	if r.status != http.StatusOK {
		return "", statusFailure(r)
	}
	var body struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return "", malformed(r, "it is not the documented JSON", nil)
	}
	id, err := uuid.Parse(body.UserID)
	if err != nil {
		return "", malformed(r, "it has no valid user_id", nil)
	}
	return id.String(), nil
}

// maxTotal is the highest number of users that is accepted. A document for all users becomes one queue message per
// page of 500 users, so ten million users are 20,000 messages.
const maxTotal = 10_000_000

// maxUsers is how many users a page may have, whatever limit was asked for: Junction's own maximum. One message is
// queued for each of them, and a page of 8 MiB has room for 150,000.
const maxUsers = 500

// readPage decodes a page of users. It keeps only the IDs, because the rest is personal data. Users with an empty
// list of connected sources are left out.
func readPage(r response) (result.Page, error) {
	if r.status == http.StatusNotFound { // not a missing user, but a missing endpoint
		f := result.Fail(result.UpstreamRejected, "Junction's list of users was not found")
		f.UpstreamStatus = r.status
		return result.Page{}, f
	}
	if r.status != http.StatusOK {
		return result.Page{}, statusFailure(r)
	}
	var body struct {
		Users []struct {
			UserID       string          `json:"user_id"`
			ClientUserID json.RawMessage `json:"client_user_id"`
			Sources      json.RawMessage `json:"connected_sources"`
		} `json:"users"`
		Total *int `json:"total"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil || body.Users == nil || body.Total == nil || *body.Total < 0 || *body.Total > maxTotal {
		return result.Page{}, malformed(r, "it is not the documented JSON", nil)
	}
	if len(body.Users) > maxUsers {
		return result.Page{}, malformed(r, "it is a page of more than 500 users", nil)
	}
	page := result.Page{Total: *body.Total}
	seen := make(map[string]bool, len(body.Users))
	for _, user := range body.Users {
		id, err := uuid.Parse(user.UserID)
		if err != nil {
			return result.Page{}, malformed(r, "a user has no valid user_id", nil)
		}
		var sources []json.RawMessage // nil unless it is a list: if it is not known whether there are any, a refresh finds out
		_ = json.Unmarshal(user.Sources, &sources)
		empty := sources != nil && len(sources) == 0
		if id := id.String(); !empty && !seen[id] {
			seen[id] = true
			var clientUserID string // "" unless it is a string
			_ = json.Unmarshal(user.ClientUserID, &clientUserID)
			page.Users = append(page.Users, result.User{ID: id, ClientUserID: r.key.Redact(clientUserID)})
		}
	}
	return page, nil
}
