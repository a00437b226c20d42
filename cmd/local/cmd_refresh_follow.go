package main

import (
	"context"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// introspection is what a watcher asks Junction. None of it costs a user a refresh.
type introspection interface {
	Resolve(ctx context.Context, key sensitive.String, clientUserID string) (userID string, err error)
	LastAttempts(ctx context.Context, key sensitive.String, userID string) ([]result.Attempt, error)
	Connections(ctx context.Context, key sensitive.String, userID string) ([]result.Connection, error)
}

// watcher refreshes users and watches their sources to the end. It looks as the function's follow-up does, and
// notes what a follow-up does not need: which last attempts have moved.
type watcher struct {
	junction introspection
	key      sensitive.String
	pauses   []time.Duration
	explain  bool
	refresh  func(ctx context.Context, user string) result.Result
	printer  watchPrinter
}

// newWatcher returns a watcher with the configuration of a function.
func newWatcher(c *console, f *function) (*watcher, error) {
	cfg, err := config.Parse(f.environ)
	if err != nil {
		return nil, usagef("%v", err)
	}
	if len(cfg.FollowUp) == 0 {
		return nil, usagef("--follow needs pauses, and FOLLOW_UP is off")
	}
	bundle, err := secret.ParseBundle(cfg.APIKey.Reveal())
	if err != nil {
		return nil, usagef("JUNCTION_API_KEY: %v", err)
	}
	return &watcher{
		junction: junction.New(junction.Options{Environment: cfg.Environment, BaseURL: cfg.BaseURL, UserAgent: "junction-refresh/local"}),
		key:      bundle.APIKey, pauses: cfg.FollowUp, explain: cfg.ExplainFailures, refresh: f.refresh, printer: watchPrinter{c.stderr},
	}, nil
}

// watched is what was seen of a refresh's sources: those that Junction's answer to it names.
type watched struct {
	Looks   int     `json:"looks"`
	Seconds float64 `json:"seconds"` // from the beginning of the refresh to the last look that succeeded
	Sources int     `json:"sources"`
	Listed  int     `json:"listed"`          // of them, those that had a last_attempt in the last look that succeeded
	Moved   int     `json:"moved"`           // of them, those whose last_attempt changed
	Early   int     `json:"early"`           // of those, to a time before the refresh
	Error   string  `json:"error,omitempty"` // why the last look failed
	Cut     bool    `json:"cut,omitempty"`   // Ctrl-C ended the watching

	moved map[string]bool // by the source's name
}

// outcome refreshes a user and watches the sources.
func (w *watcher) outcome(ctx context.Context, user string) outcome {
	before, known := w.before(ctx, user)
	o := outcome{User: user, Result: w.refresh(ctx, user)}
	if o.Success && !o.StartedAt.IsZero() && len(o.Sources) > 0 {
		o.Watched = w.watch(ctx, user, &o.Result, before, known)
	}
	return o
}

// before returns the last attempts before the refresh; known is false if they cannot be found out.
func (w *watcher) before(ctx context.Context, user string) (attempts []result.Attempt, known bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var id string
	var err error
	if clientID, ok := strings.CutPrefix(user, clientPrefix); ok {
		id, err = w.junction.Resolve(ctx, w.key, clientID)
	} else {
		id, err = document.ParseUserID(user)
	}
	if err == nil {
		attempts, err = w.junction.LastAttempts(ctx, w.key, id)
	}
	return attempts, err == nil
}

// lookTimeout is how long a look may take, as in a follow-up.
const lookTimeout = 5 * time.Second

// watch looks at the sources at once and after each pause, until all have ended and at least one last attempt has
// moved. It replaces the result by that of the last look.
func (w *watcher) watch(ctx context.Context, user string, out *result.Result, before []result.Attempt, known bool) *watched {
	seen := &watched{Sources: len(out.Sources), moved: map[string]bool{}}
	f := out.FollowUp() // nil if no source is running
	if f != nil {
		w.printer.waiting(user, *f)
	}
	for {
		attempts, err := w.look(ctx, out.UserID)
		seen.Looks++
		seen.Error = ""
		if err != nil {
			seen.Error = err.Error()
			w.printer.unseen(user, err)
		} else {
			seen.Seconds = time.Since(out.StartedAt).Seconds()
			w.compare(seen, user, *out, before, attempts, known)
		}
		if f != nil {
			f = new(f.After(attempts))
		}
		ended := f == nil || len(f.InProgress) == 0
		if ended && seen.Moved > 0 || seen.Looks > len(w.pauses) {
			break
		}
		pause := w.pauses[seen.Looks-1]
		w.printer.pausing(user, f, pause)
		if !sleep(ctx, pause) {
			seen.Cut = true
			break
		}
	}
	if f != nil {
		w.settle(ctx, out, *f)
	}
	return seen
}

func (w *watcher) look(ctx context.Context, userID string) ([]result.Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return w.junction.LastAttempts(ctx, w.key, userID)
}

// settle replaces a result that was in progress by that of the last look, with why sources failed.
func (w *watcher) settle(ctx context.Context, out *result.Result, f result.FollowUp) {
	end := f.Result()
	end.RequestID = out.RequestID
	if w.explain && len(end.FailedSources) > 0 {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		if connections, err := w.junction.Connections(ctx, w.key, end.UserID); err == nil {
			end.Explain(connections)
		}
	}
	*out = end
}

// compare counts and prints the sources whose last attempt has moved since the look before.
func (w *watcher) compare(seen *watched, user string, out result.Result, before, attempts []result.Attempt, known bool) {
	seen.Listed = 0
	for _, name := range names(out) {
		now := result.LastAttempt(attempts, name)
		if now == nil {
			continue
		}
		seen.Listed++
		if seen.moved[name] || !hasMoved(result.LastAttempt(before, name), *now, known, out.StartedAt) {
			continue
		}
		seen.moved[name] = true
		seen.Moved++
		if isEarly(*now, out.StartedAt) {
			seen.Early++
		}
		w.printer.moved(user, name, *now, out.StartedAt)
	}
}

// hasMoved reports whether a source's last attempt is another than before the refresh. If that one is not known, it is
// enough that the last attempt is newer than the refresh.
func hasMoved(before *result.Attempt, now result.Attempt, known bool, began time.Time) bool {
	switch {
	case !known:
		return !isEarly(now, began)
	case before == nil:
		return true
	}
	return !now.At.Equal(before.At) || now.Success != before.Success
}

// isEarly reports whether the function takes an attempt for one from before the refresh.
func isEarly(a result.Attempt, began time.Time) bool { return a.At.Before(began.Truncate(time.Second)) }

// names returns the names of a result's sources.
func names(r result.Result) []string {
	var all []string
	for _, source := range r.Sources {
		name := source.Provider
		if source.Resource != "" {
			name += "/" + source.Resource
		}
		all = append(all, name)
	}
	return all
}
