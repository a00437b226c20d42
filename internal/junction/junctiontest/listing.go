package junctiontest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The page size of GET /v2/user ("Get users").
const (
	maxLimit     = 500
	defaultLimit = 100
)

// userRow is a user in Junction's JSON (ClientFacingUser).
type userRow struct {
	UserID           string      `json:"user_id"`
	TeamID           string      `json:"team_id"`
	ClientUserID     string      `json:"client_user_id"`
	CreatedOn        string      `json:"created_on"`
	ConnectedSources []sourceRow `json:"connected_sources"`
	FallbackTimeZone *string     `json:"fallback_time_zone"`
}

// sourceRow is one connected provider (ConnectedSourceClientFacing). Junction still sends the deprecated "source",
// which is the same as "provider".
type sourceRow struct {
	Provider  providerRow `json:"provider"`
	CreatedOn string      `json:"created_on"`
	Source    providerRow `json:"source"`
}

type providerRow struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
	Logo string `json:"logo"`
}

// list answers GET /v2/user?offset=&limit=.
func (s *Simulator) list(w http.ResponseWriter, r *http.Request) {
	offset, problems := parseCount(r, "offset", 0, -1)
	limit, bad := parseCount(r, "limit", defaultLimit, maxLimit)
	if problems = append(problems, bad...); len(problems) > 0 {
		writeInvalid(w, problems)
		return
	}
	users, total := s.users.page(offset, limit)
	rows := make([]userRow, len(users))
	for i, u := range users {
		rows[i] = row(u)
	}
	writeJSON(w, http.StatusOK, map[string]any{"users": rows, "total": total, "offset": offset, "limit": limit})
}

// resolve answers GET /v2/user/resolve/{client_user_id}.
func (s *Simulator) resolve(w http.ResponseWriter, clientUserID string) {
	user, ok := s.users.resolve(clientUserID)
	if !ok {
		writeDetail(w, http.StatusNotFound, "User not found")
		return
	}
	writeJSON(w, http.StatusOK, row(user))
}

// row returns a user's JSON. A provider is one connected source, even if it has several resources.
func row(u User) userRow {
	createdOn := u.created().UTC().Format("2006-01-02T15:04:05-07:00")
	out := userRow{
		UserID: u.ID, TeamID: TeamID, ClientUserID: u.ClientUserID, CreatedOn: createdOn,
		ConnectedSources: []sourceRow{},
	}
	seen := make(map[string]bool)
	for _, source := range u.Sources {
		slug := source.provider()
		if seen[slug] {
			continue
		}
		seen[slug] = true
		p := provider(slug)
		out.ConnectedSources = append(out.ConnectedSources, sourceRow{Provider: p, CreatedOn: createdOn, Source: p})
	}
	return out
}

func provider(slug string) providerRow {
	name := slug
	if slug != "" {
		name = strings.ToUpper(slug[:1]) + strings.ReplaceAll(slug[1:], "_", " ")
	}
	return providerRow{Name: name, Slug: slug, Logo: "https://logos.example.com/" + slug + ".png"}
}

// parseCount returns a query parameter that is a whole number from 0 to limit; a negative limit means none.
func parseCount(r *http.Request, name string, absent, limit int) (int, []problem) {
	values := r.URL.Query()[name]
	if len(values) == 0 {
		return absent, nil
	}
	invalid := func(msg, kind string) (int, []problem) {
		return 0, []problem{{[2]string{"query", name}, msg, kind}}
	}
	n, err := strconv.Atoi(strings.TrimSpace(values[len(values)-1]))
	switch {
	case err != nil:
		return invalid("Input should be a valid integer, unable to parse string as an integer", "int_parsing")
	case n < 0:
		return invalid("Input should be greater than or equal to 0", "greater_than_equal")
	case limit >= 0 && n > limit:
		return invalid(fmt.Sprintf("Input should be less than or equal to %d", limit), "less_than_equal")
	}
	return n, nil
}
