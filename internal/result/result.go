// Package result provides the domain's own types: the normalized result of a refresh, which is the same for
// every trigger, and the table of failures. It imports no other package of this project.
package result

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// EventSource is the EventBridge source of the results that this function publishes. The function ignores
// events that carry it, so that a broad rule does not loop.
const EventSource = "junction.refresh"

// schemaVersion is the version of the result's schema. Fields may be added within a version.
const schemaVersion = 1

// Status is the outcome of a refresh in one word.
type Status string

// The statuses.
const (
	Completed  Status = "completed"   // every source has been refreshed
	InProgress Status = "in_progress" // at least one source is still being refreshed
	Partial    Status = "partial"     // at least one source failed, and none is being refreshed
	Failed     Status = "failed"      // success is false
	Queued     Status = "queued"      // accepted; Junction has not been called yet
	Ignored    Status = "ignored"     // there was nothing to refresh, which is not an error
)

// The states of a source.
const (
	StateRefreshed  = "refreshed"
	StateInProgress = "in_progress"
	StateFailed     = "failed"
)

// Source is one source of a user and its state after the refresh.
type Source struct {
	Provider string `json:"provider"` // the name up to the first "/"
	Resource string `json:"resource"` // the rest of the name; may be ""
	State    string `json:"state"`    // refreshed, in_progress or failed

	// Of a failed source, if it is known.
	Reconnect bool   `json:"reconnect,omitempty"` // the user has to connect the provider again
	Reason    string `json:"reason,omitempty"`    // Junction's error_type, such as token_refresh_failed
}

// User is a user of the team. Either ID may be "", but not both.
type User struct {
	ID           string // Junction's: a UUID in lower case; "" if it has to be looked up
	ClientUserID string // the app's own; "" if it is not known
}

// Result is the normalized result of one refresh. It is the HTTP body, the answer to a direct invocation and
// the EventBridge detail, and the log line has its fields. It is a superset of Junction's own answer; its
// schema is docs/result.schema.json.
type Result struct {
	SchemaVersion           int       `json:"schema_version"`
	Success                 bool      `json:"success"`
	Status                  Status    `json:"status"`
	Final                   bool      `json:"final"`                    // no other result for this request ID and user will follow
	UserID                  string    `json:"user_id"`                  // "" if the request has no valid one
	ClientUserID            string    `json:"client_user_id,omitempty"` // the app's own ID of the user
	RefreshedSources        []string  `json:"refreshed_sources"`
	InProgressSources       []string  `json:"in_progress_sources"`
	FailedSources           []string  `json:"failed_sources"`
	Sources                 []Source  `json:"sources"`
	Truncated               bool      `json:"truncated,omitempty"`       // lists were left out, because there are too many sources
	TimeoutSeconds          float64   `json:"timeout_seconds"`           // sent to Junction; 0 if it was not called
	RequestedTimeoutSeconds float64   `json:"requested_timeout_seconds"` // requested, before it was clamped
	UpstreamStatus          int       `json:"upstream_status"`           // 0 if Junction did not answer
	Attempts                int       `json:"attempts"`                  // calls made to refresh the user
	DurationMS              int64     `json:"duration_ms"`
	Coalesced               bool      `json:"coalesced"`
	AgeSeconds              *int      `json:"age_seconds,omitempty"` // of a coalesced result
	RequestID               string    `json:"request_id"`            // stable over retries of the request
	CompletedAt             time.Time `json:"completed_at"`

	Error             string          `json:"error,omitempty"`
	ErrorCode         Code            `json:"error_code,omitempty"`
	Retryable         *bool           `json:"retryable,omitempty"`
	RetryAfterSeconds int             `json:"retry_after_seconds,omitempty"`
	Detail            json.RawMessage `json:"detail,omitempty"` // of a 422, from Junction without the key

	// StartedAt is when the refresh began; zero if there was none.
	StartedAt time.Time `json:"-"`

	// UpstreamLatency is how long each call that reached Junction took, for the metrics.
	UpstreamLatency []time.Duration `json:"-"`

	// Degraded is an error that did not stop the refresh, for the log: the quota could not be checked.
	Degraded error `json:"-"`

	failure *Failure
}

// Answer is Junction's answer to a refresh that it accepted.
type Answer struct {
	Status                        int // 200 or 202
	Refreshed, InProgress, Failed []string
}

// Page is one page of the team's users.
type Page struct {
	Users []User // users with a connected source, each once
	Total int    // all users of the team, with or without sources
}

// From returns the result of an accepted refresh.
func From(userID string, a Answer) Result {
	r := empty(userID)
	r.Success = true
	r.UpstreamStatus = a.Status
	r.RefreshedSources, r.InProgressSources, r.FailedSources = sorted(a.Refreshed), sorted(a.InProgress), sorted(a.Failed)
	r.Sources = sources(r)
	switch {
	case a.Status == 202 || len(r.InProgressSources) > 0:
		r.Status = InProgress
	case len(r.FailedSources) > 0:
		r.Status = Partial
	default:
		r.Status = Completed
	}
	return r
}

// FromFailure returns the result of a refresh that failed. userID may be "".
func FromFailure(userID string, f *Failure) Result {
	r := empty(userID)
	r.Status = Failed
	r.UpstreamStatus = f.UpstreamStatus
	r.FailedSources = sorted(f.FailedSources)
	r.Sources = sources(r)
	r.Error, r.ErrorCode, r.Retryable = f.Text(), f.Code, new(f.Retryable())
	r.RetryAfterSeconds = f.RetryAfterSeconds()
	r.Detail = f.Detail
	r.failure = f
	return r
}

// FromInFlight returns the result of a refresh that another invocation is making at this moment.
func FromInFlight(userID string) Result {
	r := uncalled(userID, InProgress)
	r.Coalesced = true
	return r
}

// FromQueued returns the result of a refresh that has been queued. userID may be "".
func FromQueued(userID string) Result { return uncalled(userID, Queued) }

// FromIgnored returns the result of an event that does not ask for a refresh. userID may be "".
func FromIgnored(userID string) Result { return uncalled(userID, Ignored) }

// uncalled returns a success for which Junction was not called.
func uncalled(userID string, status Status) Result {
	r := empty(userID)
	r.Success, r.Status = true, status
	return r
}

// Failure returns the failure of a failed refresh; nil for any other result.
func (r Result) Failure() *Failure { return r.failure }

func empty(userID string) Result {
	return Result{
		SchemaVersion: schemaVersion, Final: true, UserID: userID, RefreshedSources: []string{}, InProgressSources: []string{}, FailedSources: []string{},
		Sources: []Source{}, CompletedAt: time.Now().UTC().Truncate(time.Second),
	}
}

// sorted returns a sorted copy without duplicates and without empty names, never nil.
func sorted(names []string) []string {
	out := slices.DeleteFunc(append([]string{}, names...), func(name string) bool { return name == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

// sources returns one entry per source, sorted. A source that is in several of Junction's lists gets the
// least favourable state: failed before in_progress before refreshed.
func sources(r Result) []Source {
	states := map[string]string{}
	for _, name := range r.RefreshedSources {
		states[name] = StateRefreshed
	}
	for _, name := range r.InProgressSources {
		states[name] = StateInProgress
	}
	for _, name := range r.FailedSources {
		states[name] = StateFailed
	}
	out := make([]Source, 0, len(states))
	for name, state := range states {
		provider, resource, _ := strings.Cut(name, "/")
		out = append(out, Source{Provider: provider, Resource: resource, State: state})
	}
	slices.SortFunc(out, func(a, b Source) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Resource, b.Resource))
	})
	return out
}
