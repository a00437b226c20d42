package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// printTable prints one row per user.
func printTable(s *screen, outcomes []outcome) {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "USER\tSTATUS\tREFRESHED\tIN PROGRESS\tFAILED\tERROR") // a buffer accepts everything
	for _, o := range outcomes {
		r := o.Result
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%s\n", printable(o.User), r.Status,
			len(r.RefreshedSources), len(r.InProgressSources), len(r.FailedSources), errorText(r))
	}
	_ = table.Flush()
	for line := range strings.Lines(b.String()) {
		s.printf("%s\n", strings.TrimRight(line, " \n"))
	}
}

// errorText returns a failure's code, with how long to wait if that is known, or which providers the user has to
// reconnect.
func errorText(r result.Result) string {
	if r.RetryAfterSeconds > 0 {
		return fmt.Sprintf("%s (retry in %d s)", r.ErrorCode, r.RetryAfterSeconds)
	}
	var reconnect []string
	for _, source := range r.Sources {
		text := "reconnect " + printable(source.Provider)
		if source.Reason != "" {
			text += " (" + source.Reason + ")"
		}
		if source.Reconnect && !slices.Contains(reconnect, text) {
			reconnect = append(reconnect, text)
		}
	}
	return cmp.Or(string(r.ErrorCode), strings.Join(reconnect, ", "))
}

// tally counts outcomes by status.
type tally struct{ users, completed, inProgress, partial, failed int }

func count(outcomes []outcome) tally {
	var t tally
	for _, o := range outcomes {
		t.add(o.Status)
	}
	return t
}

func (t *tally) add(status result.Status) {
	t.users++
	switch status {
	case result.Completed:
		t.completed++
	case result.InProgress:
		t.inProgress++
	case result.Partial:
		t.partial++
	default:
		t.failed++
	}
}

// summary returns the tally in one line.
func (t tally) summary(s *screen, took time.Duration) string {
	failed := fmt.Sprintf("%d failed", t.failed)
	if t.failed > 0 {
		failed = s.style(red, failed)
	}
	return fmt.Sprintf("%s in %s: %d completed, %d in progress, %d partial, %s",
		counted(t.users, "user"), duration(took), t.completed, t.inProgress, t.partial, failed)
}
