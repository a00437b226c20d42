package junctiontest

import (
	"net/http"
	"strings"
	"time"
)

// statisticsRow is what is known about one resource of a provider (SingleResourceStatistics).
type statisticsRow struct {
	LastAttempt attemptRow `json:"last_attempt"`
	OldestData  string     `json:"oldest_data"`
	NewestData  string     `json:"newest_data"`
	SentCount   int        `json:"sent_count"`
}

// attemptRow is a LastAttempt.
type attemptRow struct {
	Timestamp string `json:"timestamp"`
	Status    string `json:"status"`
}

// introspect answers GET /v2/introspect/resources?user_id=. Junction also answers without a user_id, with a page of
// all users; nothing in this repository asks for it, so that it is a 422 here.
func (s *Simulator) introspect(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("user_id") {
		writeInvalid(w, []problem{{[2]string{"query", "user_id"}, "Field required", "missing"}})
		return
	}
	id, ok := canonicalID(lastValue(r, "user_id"))
	if !ok {
		writeInvalid(w, []problem{{[2]string{"query", "user_id"}, "Input should be a valid UUID", "uuid_parsing"}})
		return
	}
	data := []any{}
	// Users without resources are not in the answer. That an unknown user is not an error is not documented.
	if user, ok := s.users.find(id); ok && len(user.Sources) > 0 {
		data = append(data, map[string]any{"user_id": id, "provider": s.statistics(user)})
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data, "next": nil, "next_cursor": nil})
}

// statistics returns a user's statistics by provider and resource, which is the last segment of a source's name.
func (s *Simulator) statistics(user User) map[string]map[string]statisticsRow {
	now := s.now()
	providers := make(map[string]map[string]statisticsRow)
	for _, source := range user.Sources {
		last := s.ingestion.last(user, source, now)
		status := "success"
		if last.fails {
			status = "failure"
		}
		provider := source.provider()
		if providers[provider] == nil {
			providers[provider] = make(map[string]statisticsRow)
		}
		providers[provider][source.resource()] = statisticsRow{
			LastAttempt: attemptRow{Timestamp: isoFormat(last.at), Status: status},
			OldestData:  isoFormat(user.created()),
			NewestData:  isoFormat(last.at.Truncate(24 * time.Hour)),
			SentCount:   1,
		}
	}
	return providers
}

// isoFormat returns a time as Python's isoformat does: with microseconds if there are any.
func isoFormat(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999-07:00") }

// provider returns the slug of the source's provider.
func (s Source) provider() string {
	slug, _, _ := strings.Cut(s.Name, "/")
	return slug
}

// resource returns the last segment of the source's name after the provider's slug, or "".
func (s Source) resource() string {
	_, rest, _ := strings.Cut(s.Name, "/")
	return rest[strings.LastIndexByte(rest, '/')+1:]
}
