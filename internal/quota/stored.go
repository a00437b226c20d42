package quota

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxStored is the largest result that is stored with its sources, in bytes: about 2,000 sources. Each
// decision about a user costs one write unit per KiB of the item, an item takes 1,000 of them per second,
// and the memory of an instance holds thousands of users. A larger result is stored without its sources.
const maxStored = 32 << 10

// stored is a result as it is stored: what is needed to answer again, and not what follows from it. Its keys
// are short, so that the item of a user with 30 sources is below 1 KiB.
type stored struct {
	UserID     string  `json:"u"`
	Upstream   int     `json:"s"`
	Attempts   int     `json:"n"`
	Timeout    float64 `json:"t"`
	Requested  float64 `json:"q"`
	DurationMS int64   `json:"d"`
	Completed  int64   `json:"c"` // in seconds since 1970
	Refreshed  groups  `json:"r,omitempty"`
	InProgress groups  `json:"i,omitempty"`
	Failed     groups  `json:"f,omitempty"`

	Ended  bool              `json:"e,omitempty"` // the status follows from the sources, also after a 202: none is running any more
	Broken map[string]string `json:"b,omitempty"` // why a provider of failed sources has to be connected again; "" if that is not known

	Truncated result.Status `json:"x,omitempty"` // the status, if it does not follow from the sources, because some are left out
}

// groups are names of sources by what they begin with, up to and including the first "/": the key of
// "withings/body" is "withings/", and the key of a name without a "/" is "".
type groups map[string][]string

func group(names []string) groups {
	g := groups{}
	for _, name := range names {
		i := strings.Index(name, "/") + 1
		g[name[:i]] = append(g[name[:i]], name[i:])
	}
	return g
}

// names returns the names in any order.
func (g groups) names() (names []string) {
	for provider, resources := range g {
		for _, resource := range resources {
			names = append(names, provider+resource)
		}
	}
	return names
}

// encode returns a result as it is stored, or nil for one that is not stored, which is a failure.
func (r Rules) encode(out result.Result) []byte {
	if r.Coalesce == 0 || !out.Success {
		return nil
	}
	s := stored{
		UserID: out.UserID, Upstream: out.UpstreamStatus, Attempts: out.Attempts, Timeout: out.TimeoutSeconds,
		Requested: out.RequestedTimeoutSeconds, DurationMS: out.DurationMS, Completed: out.CompletedAt.Unix(),
		Refreshed: group(out.RefreshedSources), InProgress: group(out.InProgressSources), Failed: group(out.FailedSources),
		Ended: out.UpstreamStatus == 202 && out.Status != result.InProgress, Broken: map[string]string{},
	}
	for _, source := range out.Sources {
		if source.Reconnect {
			s.Broken[source.Provider] = source.Reason
		}
	}
	if out.Truncated {
		s.Truncated = out.Status
	}
	text, err := json.Marshal(s)
	if err == nil && len(text) > maxStored {
		s.Refreshed, s.InProgress, s.Failed, s.Broken, s.Truncated = nil, nil, nil, nil, out.Status
		text, err = json.Marshal(s)
	}
	if err != nil { // a number that is not finite
		return nil
	}
	return text
}

// encodeEnd returns the final result of a follow-up as it is stored, or nil for one that is not stored. It comes
// from a queue message, and may not be what can be read again.
func (r Rules) encodeEnd(out result.Result) []byte {
	text := r.encode(out)
	if _, ok := decode(text, out.UserID, out.RequestID); !ok {
		return nil
	}
	return text
}

// lastYear is the last that a time in JSON can have.
const lastYear = 9999

// decode returns the stored result of a user, of the request resultOf. It reports whether that is what text
// holds.
func decode(text []byte, userID, resultOf string) (result.Result, bool) {
	var s stored
	if len(text) > maxStored || json.Unmarshal(text, &s) != nil || s.UserID != userID || s.Upstream != 200 && s.Upstream != 202 {
		return result.Result{}, false
	}
	completed := time.Unix(s.Completed, 0).UTC()
	if min(s.Timeout, s.Requested, float64(s.Attempts), float64(s.DurationMS), float64(s.Completed)) < 0 || completed.Year() > lastYear {
		return result.Result{}, false
	}
	answer := result.Answer{Status: s.Upstream, Refreshed: s.Refreshed.names(), InProgress: s.InProgress.names(), Failed: s.Failed.names()}
	if s.Ended {
		answer.Status = 200
	}
	out := result.From(userID, answer)
	out.UpstreamStatus = s.Upstream
	switch s.Truncated {
	case "":
	case result.Completed, result.InProgress, result.Partial:
		out.Truncated, out.Status = true, s.Truncated
	default:
		return result.Result{}, false
	}
	out.TimeoutSeconds, out.RequestedTimeoutSeconds, out.Attempts = s.Timeout, s.Requested, s.Attempts
	out.DurationMS, out.CompletedAt = s.DurationMS, completed
	for provider, reason := range s.Broken {
		out.Explain([]result.Connection{{Provider: provider, Broken: true, Reason: result.Word(reason)}})
	}
	if result.IsID(resultOf) {
		out.RequestID = resultOf
	}
	return out, true
}
