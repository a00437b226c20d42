package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// queuePrinter prints what happens on the queue and the bus, one line each.
type queuePrinter struct{ out *screen }

func (p queuePrinter) line(event, format string, args ...any) {
	p.out.printf("%s %-9s %s\n", time.Now().Format(time.TimeOnly), event, fmt.Sprintf(format, args...))
}

func (p queuePrinter) sent(messages []sqstest.Sent) {
	first, _ := document.ParseMessage(messages[0].Body) // the function's own
	switch {
	case first.FollowUp != nil: // they are sent one by one
		p.line("queued", "%s in %s (message %s)", subject(first), messages[0].Delay, shortID(messages[0].ID))
	case len(messages) == 1:
		p.line("queued", "%s", messageText(messages[0].Message))
	case first.AllUsers:
		p.line("queued", "all users, in %d pages", len(messages))
	default:
		p.line("queued", "%d users", len(messages))
	}
}

func (p queuePrinter) deadLetter(m sqstest.Message) {
	p.line("dead", "%s, received %s times", messageText(m), m.Attributes["ApproximateReceiveCount"])
}

func (p queuePrinter) published(out result.Result) {
	status := string(out.Status)
	if out.Status == result.Failed {
		status = p.out.style(red, status)
	}
	if text := errorText(out); text != "" {
		status += ": " + text
	}
	if !out.Final {
		status += ", not final: it is followed up"
	}
	p.line("published", "%s %s", shortUserID(out.UserID), status)
}

// looked prints what is known after a look that is not the last one.
func (p queuePrinter) looked(f result.FollowUp) {
	p.line("looked", "%s look %d: %d refreshed, %d failed, %d in progress",
		shortUserID(f.UserID), f.Looks, len(f.Refreshed), len(f.Failed), len(f.InProgress))
}

// settled prints the end of a follow-up. Its publication has a line of its own.
func (p queuePrinter) settled(out result.Result) {
	text := fmt.Sprintf("%s after %s", out.Status, duration(time.Duration(out.DurationMS)*time.Millisecond))
	if out.Status == result.InProgress {
		text += ": after the last look Junction has still not said how " + counted(len(out.InProgressSources), "source") + " ended"
	}
	p.line("settled", "%s %s", shortUserID(out.UserID), text)
}

// connectionError prints an event that is not a result: Junction Connection Error.
func (p queuePrinter) connectionError(e result.ConnectionError) {
	reason := ""
	if e.ErrorType != "" {
		reason = ": " + e.ErrorType
	}
	p.line("published", "%s connection error, the user has to reconnect %s%s", shortUserID(e.UserID), e.Provider, reason)
}

// failed prints a refresh whose message is to be retried.
func (p queuePrinter) failed(out result.Result) {
	if out.ErrorCode == result.InFlight {
		p.line("waiting", "%s for another refresh of the user", shortUserID(out.UserID))
		return
	}
	p.line("failed", "%s %s", shortUserID(out.UserID), p.out.style(red, string(out.ErrorCode)))
}

// batch prints what became of a batch. visibleAt tells when a message can be received next.
func (p queuePrinter) batch(o sqstest.Outcome, visibleAt func(messageID string) (time.Time, bool)) {
	var ids, remaining []string
	for _, m := range o.Messages {
		ids = append(ids, shortID(m.ID))
	}
	for _, m := range o.Remaining {
		at, _ := visibleAt(m.ID)
		remaining = append(remaining, fmt.Sprintf("%s in %s", shortID(m.ID), max(0, time.Until(at).Round(time.Second))))
	}
	outcome := "done"
	if len(remaining) > 0 {
		outcome = fmt.Sprintf("%d done, %d to be retried (%s)", len(ids)-len(remaining), len(remaining), firstOf(remaining))
	}
	if o.Err != nil {
		outcome += ": " + p.out.style(red, o.Err.Error())
	}
	p.line("worker", "batch of %d (%s): %s", len(ids), firstOf(ids), outcome)
}

// messageText describes a message that the function queued: what it is about, and its ID.
func messageText(m sqstest.Message) string {
	d, _ := document.ParseMessage(m.Body)
	return fmt.Sprintf("%s (message %s)", subject(d), shortID(m.ID))
}

// subject describes what a message is about: its user or users, or a look of a follow-up.
func subject(d document.Message) string {
	switch {
	case d.FollowUp != nil:
		return fmt.Sprintf("%s look %d", shortUserID(d.FollowUp.UserID), d.FollowUp.Looks+1)
	case d.AllUsers && d.Offset != nil:
		return fmt.Sprintf("all users from %d on", *d.Offset)
	case d.UserID == "" && d.ClientUserID != "":
		return clientPrefix + printable(d.ClientUserID)
	}
	return shortUserID(d.UserID)
}

// firstOf lists the first of many texts.
func firstOf(texts []string) string {
	if len(texts) > 3 {
		return strings.Join(texts[:3], ", ") + ", …"
	}
	return strings.Join(texts, ", ")
}

// shortID returns the beginning of a UUID, which is enough to tell those of one run apart.
func shortID(id string) string { return id[:min(8, len(id))] }

func shortUserID(id string) string {
	if id == "" {
		return "an unknown user"
	}
	return shortID(id) + "-…"
}

// printQueueSummary prints what the queue came to, and reports whether all of it succeeded.
func printQueueSummary(s *screen, q *localQueue, took time.Duration) bool {
	final, retried := q.totals()
	left := q.left()
	s.printf("\n%s", final.summary(s, took))
	if retried > 0 {
		s.printf(", %d to be retried", retried)
	}
	s.printf("\n")
	if left != "" {
		s.printf("%s, and lost with this process\n", left)
	}
	return final.failed == 0 && left == ""
}
