package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// watchPrinter prints what is seen while refreshes are watched, one line each.
type watchPrinter struct{ out *screen }

func (p watchPrinter) line(user, format string, args ...any) {
	p.out.printf("%s %s %s\n", time.Now().Format(time.TimeOnly), printable(user), fmt.Sprintf(format, args...))
}

// waiting prints which sources were still running when Junction answered.
func (p watchPrinter) waiting(user string, f result.FollowUp) {
	p.line(user, "in progress: %s", strings.Join(f.InProgress, ", "))
}

// moved prints a source's new last attempt.
func (p watchPrinter) moved(user, name string, a result.Attempt, began time.Time) {
	state := "success"
	if !a.Success {
		state = p.out.style(red, "failure")
	}
	note := "after the refresh began"
	after := a.At.Sub(began)
	switch {
	case isEarly(a, began):
		note, after = "before the refresh began, which does not count as its end", -after
	case after < 0: // Junction's times may have no fractions of a second
		after = 0
	}
	p.line(user, "%s: last_attempt moved to %s at %s, %s %s", name, state, a.At.UTC().Format("15:04:05Z"), duration(after), note)
}

// pausing prints when the next look comes. f is nil if no source is running.
func (p watchPrinter) pausing(user string, f *result.FollowUp, pause time.Duration) {
	waitsFor := "no last_attempt has moved"
	if f != nil && len(f.InProgress) > 0 {
		waitsFor = counted(len(f.InProgress), "source") + " in progress"
	}
	p.line(user, "%s, look in %s", waitsFor, pause)
}

// unseen prints that a look has failed.
func (p watchPrinter) unseen(user string, err error) { p.line(user, "the look failed: %v", err) }

// printVerdict prints how each watched refresh ended, and whether a refresh moves last_attempt. It reports whether
// all have ended and at least one last_attempt has moved.
func printVerdict(s *screen, outcomes []outcome, live bool) bool {
	s.printf("\n")
	var sum watched
	users, ended := 0, true
	for _, o := range outcomes {
		if o.Watched == nil {
			continue
		}
		users++
		ended = ended && o.Status != result.InProgress
		sum.add(*o.Watched)
		s.printf("%s: %s\n", printable(o.User), endText(o))
	}
	where := "the simulator"
	if live {
		where = "Junction"
	}
	s.printf("%s\n", s.style(bold, verdict(where, users, sum)))
	return ended && sum.Moved > 0
}

// add adds what was seen of another refresh.
func (s *watched) add(more watched) {
	s.Sources, s.Listed, s.Moved, s.Early = s.Sources+more.Sources, s.Listed+more.Listed, s.Moved+more.Moved, s.Early+more.Early
	s.Seconds, s.Error, s.Cut = max(s.Seconds, more.Seconds), cmp.Or(more.Error, s.Error), s.Cut || more.Cut
}

// endText describes how a refresh ended.
func endText(o outcome) string {
	text := string(o.Status)
	if o.Status == result.InProgress {
		text += " still: Junction has not said how " + strings.Join(o.InProgressSources, ", ") + " ended"
	}
	took := time.Duration(o.DurationMS) * time.Millisecond
	text += fmt.Sprintf(", %s after the refresh began and with %s; last_attempt moved for %d of %s",
		duration(took), counted(o.Watched.Looks, "look"), o.Watched.Moved, counted(o.Watched.Sources, "source"))
	if missing := o.Watched.Sources - o.Watched.Listed; missing > 0 {
		text += fmt.Sprintf(", and %d of them had none", missing)
	}
	return text
}

// verdict answers in one sentence whether a refresh moves last_attempt.
func verdict(where string, users int, sum watched) string {
	sources := counted(sum.Sources, "source") + " of " + counted(users, "user")
	unknown := "Whether a refresh moves last_attempt at " + where + " is still not known: "
	switch {
	case users == 0:
		return unknown + "no refresh was answered with sources to look at."
	case sum.Listed == 0 && sum.Error != "":
		return unknown + "the looks failed (" + sum.Error + ")."
	case sum.Listed == 0:
		return unknown + "there is no last_attempt for any of " + sources + "."
	case sum.Moved == 0:
		none := fmt.Sprintf("it had moved for none of %s at the last look, %s after the refresh began.",
			sources, duration(time.Duration(sum.Seconds*float64(time.Second))))
		if sum.Cut {
			return unknown + none
		}
		return "No, the refresh moved no last_attempt at " + where + ": " + none
	case sum.Early == sum.Moved:
		return fmt.Sprintf("Yes, but the refresh moved last_attempt at %s to a time before it began, which a follow-up does not count: for %d of %s.",
			where, sum.Moved, sources)
	}
	return fmt.Sprintf("Yes, the refresh moved last_attempt at %s: it moved for %d of %s.", where, sum.Moved, sources)
}
