package junctiontest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// User is a user of the team.
type User struct {
	ID           string // a UUID, "user_id"
	ClientUserID string // the app's own ID, "client_user_id"; "" if it has none
	Sources      []Source
	CreatedOn    time.Time // the zero value is the start of 2026

	// Broken has the error_type ("token_refresh_failed") of each provider in error, by slug. All sources of such a
	// provider fail. To connect it again, replace the user.
	Broken map[string]string
}

// Source is a resource of a connected provider, with the course of its refresh.
type Source struct {
	Name  string        // provider/resource, such as "withings/vitals/blood_pressure"
	Takes time.Duration // how long its refresh takes, also beyond the call; may be Never
	Fails bool          // whether its refresh fails, after that time
}

// created returns when the user was created.
func (u User) created() time.Time {
	if u.CreatedOn.IsZero() {
		return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return u.CreatedOn
}

// broken reports whether the source's provider is in error.
func (u User) broken(source Source) bool {
	_, broken := u.Broken[source.provider()]
	return broken
}

// fails reports whether a refresh of the source fails.
func (u User) fails(source Source) bool { return source.Fails || u.broken(source) }

// The users of a new simulator, each named for the outcome of its refresh. Each has a client_user_id.
const (
	// DefaultUserID has three sources that succeed and one that fails ("partial"), as in the example of Junction's
	// reference.
	DefaultUserID       = "1449752e-0d8a-40e0-9206-91ab099b2537"
	DefaultClientUserID = "app-user-partial"

	// CompletedUserID has sources that all succeed at once.
	CompletedUserID       = "7d6f1c52-0b34-4a5e-9c5d-2f8e1b7a4c10"
	CompletedClientUserID = "app-user-completed"

	// SlowUserID has sources that take 45 s: the status is 202 with a shorter timeout, and 200 with 60. After a 202
	// they succeed at their time.
	SlowUserID       = "b21c9f0e-6a47-4d83-8e15-90d3c7f2a645"
	SlowClientUserID = "app-user-slow"

	// NoSourcesUserID has no connected source: the status is 400.
	NoSourcesUserID       = "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92"
	NoSourcesClientUserID = "app-user-without-sources"

	// ReconnectUserID has a source that succeeds, and one whose provider is in error ("token_refresh_failed") and
	// fails until the user connects it again.
	ReconnectUserID       = "c3f0a6d1-58e2-4b97-8a4c-16d97e20b5f3"
	ReconnectClientUserID = "app-user-reconnect"

	// UnknownUserID is a valid ID that no user has: the status is 404.
	UnknownUserID = "00000000-0000-4000-8000-000000000000"

	// TeamID is the team of every user.
	TeamID = "5f3c1a88-2b7d-4c1e-8a90-d1e6f2b34c57"
)

// DefaultUsers returns the users of a new simulator, in the order in which it lists them.
func DefaultUsers() []User {
	return []User{
		{ID: DefaultUserID, ClientUserID: DefaultClientUserID, Sources: []Source{
			{Name: "withings/body"}, {Name: "withings/sleep"}, {Name: "withings/vitals/blood_pressure"},
			{Name: "oura/sleep", Fails: true},
		}},
		{ID: CompletedUserID, ClientUserID: CompletedClientUserID, Sources: []Source{
			{Name: "fitbit/activity"}, {Name: "fitbit/sleep"},
		}},
		{ID: SlowUserID, ClientUserID: SlowClientUserID, Sources: []Source{
			{Name: "garmin/activity", Takes: 45 * time.Second}, {Name: "garmin/sleep", Takes: 45 * time.Second},
		}},
		{ID: NoSourcesUserID, ClientUserID: NoSourcesClientUserID},
		{ID: ReconnectUserID, ClientUserID: ReconnectClientUserID, Broken: map[string]string{"oura": "token_refresh_failed"},
			Sources: []Source{{Name: "withings/body"}, {Name: "oura/sleep"}}},
	}
}

// userStore has the users: first those that were added, in that order, then the generated ones.
type userStore struct {
	generated int
	sourcesOf func(index int) []Source
	repeated  int

	mu         sync.RWMutex
	added      []User
	byID       map[string]int
	byClientID map[string]int
}

func (s *userStore) add(u User) {
	id, ok := canonicalID(u.ID)
	if !ok {
		panic(fmt.Sprintf("junctiontest: user ID %q is not a UUID", u.ID))
	}
	u.ID, u.Sources, u.Broken = id, slices.Clone(u.Sources), maps.Clone(u.Broken)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID, s.byClientID = make(map[string]int), make(map[string]int)
	}
	i, known := s.byID[id]
	if j, taken := s.byClientID[u.ClientUserID]; taken && !(known && i == j) {
		panic(fmt.Sprintf("junctiontest: two users with client_user_id %q", u.ClientUserID))
	}
	if known {
		delete(s.byClientID, s.added[i].ClientUserID)
		s.added[i] = u
	} else {
		i = len(s.added)
		s.byID[id] = i
		s.added = append(s.added, u)
	}
	if u.ClientUserID != "" {
		s.byClientID[u.ClientUserID] = i
	}
}

// find returns the user with the given canonical ID.
func (s *userStore) find(id string) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, ok := s.byID[id]; ok {
		return s.added[i], true
	}
	if i, ok := generatedIndex(id); ok && i < s.generated {
		return s.generate(i), true
	}
	return User{}, false
}

// resolve returns the user with the given client_user_id.
func (s *userStore) resolve(clientUserID string) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, ok := s.byClientID[clientUserID]; ok {
		return s.added[i], true
	}
	if i, ok := generatedClientIndex(clientUserID); ok && i < s.generated {
		return s.generate(i), true
	}
	return User{}, false
}

// page returns one page of the list, and the number of users on all pages.
func (s *userStore) page(offset, limit int) (users []User, total int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	distinct := len(s.added) + s.generated
	total = distinct + min(s.repeated, distinct)
	for row := offset; row < total && len(users) < limit; row++ {
		if i := row % distinct; i < len(s.added) {
			users = append(users, s.added[i])
		} else {
			users = append(users, s.generate(i-len(s.added)))
		}
	}
	return users, total
}

// canonicalID returns a UUID in lower case with hyphens. The hyphens of text are optional, as in FastAPI.
func canonicalID(text string) (id string, ok bool) {
	parsed, err := uuid.Parse(text)
	if err != nil || len(text) != 36 && len(text) != 32 { // uuid.Parse accepts other forms too
		return "", false
	}
	return parsed.String(), true
}
