package junctiontest

import (
	"net/http"
	"time"
)

// ExternalUserID is the ID of every user at every provider: personal data, which a client must not keep.
const ExternalUserID = "person@example.com"

// connectionRow is a connected provider (ClientFacingProviderWithStatus).
type connectionRow struct {
	providerRow
	Status               string                     `json:"status"`
	CreatedOn            string                     `json:"created_on"`
	ExternalUserID       string                     `json:"external_user_id"`
	ErrorDetails         *errorRow                  `json:"error_details"`
	ResourceAvailability map[string]availabilityRow `json:"resource_availability"`
}

// errorRow says why a connection is broken (ClientFacingConnectionErrorDetails).
type errorRow struct {
	ErrorType    string `json:"error_type"`
	ErrorMessage string `json:"error_message"`
	ErroredAt    string `json:"errored_at"`
}

// availabilityRow is a ResourceAvailability.
type availabilityRow struct {
	Status            string `json:"status"`
	ScopeRequirements any    `json:"scope_requirements"`
}

// connections answers GET /v2/user/providers/{user_id}.
func (s *Simulator) connections(w http.ResponseWriter, argument string) {
	id, ok := canonicalID(argument)
	if !ok {
		writeInvalid(w, []problem{{[2]string{"path", "user_id"}, "Input should be a valid UUID", "uuid_parsing"}})
		return
	}
	user, ok := s.users.find(id)
	if !ok {
		writeDetail(w, http.StatusNotFound, "User not found")
		return
	}
	writeJSON(w, http.StatusOK, map[string][]connectionRow{"providers": connectionRows(user)})
}

// connectionRows returns one row per provider, with all of its resources.
func connectionRows(u User) []connectionRow {
	rows := []connectionRow{}
	index := make(map[string]int)
	for _, source := range u.Sources {
		slug := source.provider()
		i, known := index[slug]
		if !known {
			i = len(rows)
			index[slug] = i
			rows = append(rows, connectionRow{
				providerRow: provider(slug), Status: "connected", CreatedOn: isoFormat(u.created()), ExternalUserID: ExternalUserID,
				ResourceAvailability: make(map[string]availabilityRow),
			})
			if u.broken(source) {
				rows[i].Status = "error"
				rows[i].ErrorDetails = &errorRow{
					ErrorType: u.Broken[slug], ErrorMessage: ExternalUserID + " has to connect " + rows[i].Name + " again",
					ErroredAt: isoFormat(u.created().Add(24 * time.Hour)),
				}
			}
		}
		rows[i].ResourceAvailability[source.resource()] = availabilityRow{Status: "available"}
	}
	return rows
}
