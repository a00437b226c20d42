package result

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// EventSource is the EventBridge source of the results that this function publishes. The function ignores
// events that carry it, so that a broad rule does not loop.
const EventSource = "junction.refresh"

// Status is how a refresh ended, in one word.
type Status string

// The statuses.
const (
	Completed  Status = "completed"   // every source is refreshed
	InProgress Status = "in_progress" // at least one source is still going on
	Partial    Status = "partial"     // none is going on, at least one failed
	Failed     Status = "failed"      // success is false
	Queued     Status = "queued"      // taken, not yet called
	Ignored    Status = "ignored"     // nothing to refresh, and nothing wrong
)

// The states of a source.
const (
	StateRefreshed  = "refreshed"
	StateInProgress = "in_progress"
	StateFailed     = "failed"
)

// Source is one source of a user and what became of it.
type Source struct {
	Provider string `json:"provider"` // what is before the first "/"
	Resource string `json:"resource"` // the rest, or ""
	State    string `json:"state"`    // refreshed, in_progress or failed
}

// Result is the normalized result of one refresh: HTTP body, direct answer, EventBridge detail and
// log fields. Its schema is docs/result.schema.json. It is a superset of Junction's own answer.
type Result struct {
	Success                 bool      `json:"success"`
	Status                  Status    `json:"status"`
	UserID                  string    `json:"user_id"` // "" where the request named none that could be read
	RefreshedSources        []string  `json:"refreshed_sources"`
	InProgressSources       []string  `json:"in_progress_sources"`
	FailedSources           []string  `json:"failed_sources"`
	Sources                 []Source  `json:"sources"`
	TimeoutSeconds          float64   `json:"timeout_seconds"`           // sent to Junction; 0 where it was not called
	RequestedTimeoutSeconds float64   `json:"requested_timeout_seconds"` // asked for, before it was clamped
	UpstreamStatus          int       `json:"upstream_status"`           // 0 where Junction did not answer
	Attempts                int       `json:"attempts"`                  // calls of the refresh made
	DurationMS              int64     `json:"duration_ms"`
	Coalesced               bool      `json:"coalesced"`
	RequestID               string    `json:"request_id"` // the Lambda request ID
	CompletedAt             time.Time `json:"completed_at"`

	Error             string          `json:"error,omitempty"`
	ErrorCode         Code            `json:"error_code,omitempty"`
	Retryable         *bool           `json:"retryable,omitempty"`
	RetryAfterSeconds int             `json:"retry_after_seconds,omitempty"`
	Detail            json.RawMessage `json:"detail,omitempty"` // of a 422, as Junction sends it

	// Degraded is what went wrong beside the refresh, for the log: the quota could not be asked.
	Degraded error `json:"-"`

	failure *Failure
}

// Answer is what Junction said of a refresh that it accepted.
type Answer struct {
	Status                        int // 200 or 202
	Refreshed, InProgress, Failed []string
}

// Page is a part of the team's users.
type Page struct {
	UserIDs []string // those that have a connected source, each once
	Total   int      // how many users the team has, with and without sources
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
	retryable := f.Retryable()
	r.Error, r.ErrorCode, r.Retryable = f.Text(), f.Code, &retryable
	r.RetryAfterSeconds = f.RetryAfterSeconds()
	r.Detail = f.Detail
	r.failure = f
	return r
}

// FromInFlight returns the result of a refresh that somebody else is making.
func FromInFlight(userID string) Result {
	r := empty(userID)
	r.Success, r.Status, r.Coalesced = true, InProgress, true
	return r
}

// FromQueued returns the result of a refresh that was taken and is made later. userID may be "".
func FromQueued(userID string) Result {
	r := empty(userID)
	r.Success, r.Status = true, Queued
	return r
}

// FromIgnored returns the result of an event that asks for no refresh. userID may be "".
func FromIgnored(userID string) Result {
	r := empty(userID)
	r.Success, r.Status = true, Ignored
	return r
}

// Failure returns what went wrong, or nil.
func (r Result) Failure() *Failure { return r.failure }

func empty(userID string) Result {
	return Result{
		UserID: userID, RefreshedSources: []string{}, InProgressSources: []string{}, FailedSources: []string{},
		Sources: []Source{}, CompletedAt: time.Now().UTC().Truncate(time.Second),
	}
}

// sorted returns a sorted copy without duplicates and without empty names, never nil.
func sorted(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sources returns one row per source, sorted. A source that Junction put into several lists has its
// least favourable state: failed before in_progress before refreshed.
func sources(r Result) []Source {
	state := map[string]string{}
	for _, name := range r.RefreshedSources {
		state[name] = StateRefreshed
	}
	for _, name := range r.InProgressSources {
		state[name] = StateInProgress
	}
	for _, name := range r.FailedSources {
		state[name] = StateFailed
	}
	rows := make([]Source, 0, len(state))
	for name, s := range state {
		provider, resource, _ := strings.Cut(name, "/")
		rows = append(rows, Source{Provider: provider, Resource: resource, State: s})
	}
	slices.SortFunc(rows, func(a, b Source) int {
		if c := strings.Compare(a.Provider, b.Provider); c != 0 {
			return c
		}
		return strings.Compare(a.Resource, b.Resource)
	})
	return rows
}
