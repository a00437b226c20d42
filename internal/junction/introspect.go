package junction

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// LastAttempts returns Junction's last attempt to fetch each source of a user, one per provider and resource,
// sorted by them. A source without an attempt that can be read is left out, and only the first page is read.
// userID must be a UUID. Errors are *result.Failure.
//
// The call does not count against the user's refreshes. A user whom Junction knows nothing about has no attempts.
func (c *Client) LastAttempts(ctx context.Context, key sensitive.String, userID string) ([]result.Attempt, error) {
	query := url.Values{"user_id": {userID}}
	target := "/v2/introspect/resources?" + query.Encode()
	return call(ctx, c, key, http.MethodGet, target, maxBody, func(r response) ([]result.Attempt, error) {
		return readAttempts(r, userID)
	})
}

// readAttempts decodes the answer to an introspection. It keeps only the last attempts, and only those of the user.
func readAttempts(r response, userID string) ([]result.Attempt, error) {
	if r.status != http.StatusOK {
		return nil, statusFailure(r)
	}
	var body struct {
		Data []struct {
			UserID   string `json:"user_id"`
			Provider map[string]map[string]struct {
				LastAttempt struct {
					Status    string `json:"status"`
					Timestamp string `json:"timestamp"`
				} `json:"last_attempt"`
			} `json:"provider"`
		} `json:"data"`
	}
	if err := decodeRows(r.body, &body); err != nil || body.Data == nil {
		return nil, malformed(r, "it is not the documented JSON", nil)
	}
	newest := make(map[[2]string]result.Attempt)
	for _, row := range body.Data {
		if !strings.EqualFold(row.UserID, userID) {
			continue
		}
		for provider, resources := range row.Provider {
			for resource, statistics := range resources {
				last := statistics.LastAttempt
				at, err := parseTime(last.Timestamp)
				if err != nil || last.Status != "success" && last.Status != "failure" { // Junction may add statuses
					continue
				}
				a := result.Attempt{
					Provider: r.key.Redact(provider), Resource: r.key.Redact(resource),
					Success: last.Status == "success", At: at,
				}
				id := [2]string{a.Provider, a.Resource}
				if known, ok := newest[id]; !ok || a.At.After(known.At) {
					newest[id] = a
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(newest), func(a, b result.Attempt) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Resource, b.Resource))
	}), nil
}

// decodeRows decodes a list of rows. A value that has not the documented type counts as missing, so that one bad
// row does not cost the others.
func decodeRows(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if is[*json.UnmarshalTypeError](err) { // the rest has been decoded
		return nil
	}
	return err
}

// parseTime parses a time of Junction's: RFC 3339, with or without a fraction. Without a zone it is UTC.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	return at.UTC(), err
}
