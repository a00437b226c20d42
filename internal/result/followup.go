package result

import (
	"slices"
	"strings"
	"time"
)

// FollowUp is a refresh that was answered while some of its sources were still running. It travels on the
// queue until they have ended.
type FollowUp struct {
	UserID                  string    `json:"user_id"`
	ClientUserID            string    `json:"client_user_id,omitempty"`
	Refreshed               []string  `json:"refreshed_sources"`
	InProgress              []string  `json:"in_progress_sources"`
	Failed                  []string  `json:"failed_sources"`
	TimeoutSeconds          float64   `json:"timeout_seconds"`
	RequestedTimeoutSeconds float64   `json:"requested_timeout_seconds"`
	UpstreamStatus          int       `json:"upstream_status"`
	Attempts                int       `json:"attempts"`
	StartedAt               time.Time `json:"started_at"` // when the refresh began
	Looks                   int       `json:"looks"`      // made so far
}

// Attempt is Junction's last attempt to fetch a source's data, whatever started it: a refresh, Junction's own
// polling, or a push by the provider.
type Attempt struct {
	Provider string
	Resource string // one word, such as "blood_pressure": the last segment of a source's name
	Success  bool
	At       time.Time // by Junction's clock, which may leave out fractions of a second
}

// What a follow-up may have: it travels on the queue, which others may send to.
const (
	maxFollowedSources     = 10_000
	maxLooks               = 5
	minTimeout, maxTimeout = 5, 60 // Junction's own limits, in seconds
)

// FollowUp returns the follow-up of a result that has sources in progress. It is nil for any other result, and
// for one of another request's refresh, whose StartedAt is not known. It is also nil if it would not be valid,
// because the user has too many sources.
func (r Result) FollowUp() *FollowUp {
	if r.Status != InProgress {
		return nil
	}
	f := &FollowUp{
		UserID: r.UserID, ClientUserID: r.ClientUserID,
		Refreshed: r.RefreshedSources, InProgress: r.InProgressSources, Failed: r.FailedSources,
		TimeoutSeconds: r.TimeoutSeconds, RequestedTimeoutSeconds: r.RequestedTimeoutSeconds,
		UpstreamStatus: r.UpstreamStatus, Attempts: r.Attempts, StartedAt: r.StartedAt.UTC().Round(0),
	}
	if !f.Valid() {
		return nil
	}
	return f
}

// Valid reports whether a follow-up that was read from the queue can be one.
func (f FollowUp) Valid() bool {
	sources := len(f.Refreshed) + len(f.InProgress) + len(f.Failed)
	return len(f.InProgress) > 0 && sources <= maxFollowedSources && f.Looks >= 0 && f.Looks < maxLooks && f.Attempts >= 0 &&
		(f.TimeoutSeconds == 0 || f.TimeoutSeconds >= minTimeout && f.TimeoutSeconds <= maxTimeout) &&
		(f.UpstreamStatus == 200 || f.UpstreamStatus == 202) && !f.StartedAt.IsZero() && f.StartedAt.Before(time.Now().Add(time.Minute))
}

// After returns the follow-up after a look at the last attempts. A source has ended if its last attempt is
// not older than the refresh; Junction's times may have no fractions of a second.
func (f FollowUp) After(attempts []Attempt) FollowUp {
	began := f.StartedAt.Truncate(time.Second)
	f.Looks++
	f.Refreshed, f.Failed = slices.Clone(f.Refreshed), slices.Clone(f.Failed)
	last := make(map[[2]string]Attempt, len(attempts)) // by provider and resource
	for _, a := range attempts {
		last[[2]string{a.Provider, a.Resource}] = a
	}
	var running []string
	for _, name := range f.InProgress {
		switch a, ok := last[attemptKey(name)]; {
		case !ok || a.At.Before(began):
			running = append(running, name)
		case a.Success:
			f.Refreshed = append(f.Refreshed, name)
		default:
			f.Failed = append(f.Failed, name)
		}
	}
	f.InProgress = running
	return f
}

// attemptKey returns the provider and the resource of the attempts for a source ("provider/…/resource").
func attemptKey(name string) [2]string {
	provider, rest, _ := strings.Cut(name, "/")
	return [2]string{provider, rest[strings.LastIndex(rest, "/")+1:]}
}

// LastAttempt returns the attempt for a source, or nil if there is none.
func LastAttempt(attempts []Attempt, name string) *Attempt {
	for _, a := range attempts {
		if attemptKey(name) == [2]string{a.Provider, a.Resource} {
			return &a
		}
	}
	return nil
}

// Result returns the result of the refresh as far as it is known now.
func (f FollowUp) Result() Result {
	status := 200
	if len(f.InProgress) > 0 {
		status = 202
	}
	r := From(f.UserID, Answer{Status: status, Refreshed: f.Refreshed, InProgress: f.InProgress, Failed: f.Failed})
	r.ClientUserID = f.ClientUserID
	r.TimeoutSeconds, r.RequestedTimeoutSeconds = f.TimeoutSeconds, f.RequestedTimeoutSeconds
	r.UpstreamStatus, r.Attempts = f.UpstreamStatus, f.Attempts
	r.StartedAt = f.StartedAt
	r.DurationMS = max(0, time.Since(f.StartedAt).Milliseconds()) // another instance's clock may be ahead
	return r
}
