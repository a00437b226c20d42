package junction

import (
	"context"
	"net/http"
	"net/url"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// Connections returns the providers that a user has connected, in Junction's order, and which of them Junction
// cannot fetch from. userID must be a UUID. Errors are *result.Failure.
//
// The call does not count against the user's refreshes.
func (c *Client) Connections(ctx context.Context, key sensitive.String, userID string) ([]result.Connection, error) {
	return call(ctx, c, key, http.MethodGet, "/v2/user/providers/"+url.PathEscape(userID), maxBody, readConnections)
}

// readConnections decodes a user's connections. It keeps neither the user's ID at the provider nor the error's
// message, because they are personal data. A row that names no provider is left out.
func readConnections(r response) ([]result.Connection, error) {
	if r.status != http.StatusOK {
		return nil, statusFailure(r)
	}
	var body struct {
		Providers []struct {
			Slug    string `json:"slug"`
			Status  string `json:"status"`
			Details struct {
				ErrorType string `json:"error_type"`
			} `json:"error_details"`
		} `json:"providers"`
	}
	if err := decodeRows(r.body, &body); err != nil || body.Providers == nil {
		return nil, malformed(r, "it is not the documented JSON", nil)
	}
	var connections []result.Connection
	for _, row := range body.Providers {
		if row.Slug == "" {
			continue
		}
		connection := result.Connection{Provider: r.key.Redact(row.Slug), Broken: row.Status == "error"}
		if connection.Broken {
			connection.Reason = result.Word(r.key.Redact(row.Details.ErrorType))
		}
		connections = append(connections, connection)
	}
	return connections, nil
}
