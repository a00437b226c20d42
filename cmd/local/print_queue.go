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

func (p queuePrinter) sent(messages []sqstest.Message) {
	first, _ := document.ParseMessage(messages[0].Body) // the function's own
	switch {
	case len(messages) == 1:
		p.line("queued", "%s", messageText(messages[0]))
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
		status = p.out.style(red, status) + ": " + errorText(out)
	}
	p.line("published", "%s %s", shortUserID(out.UserID), status)
}

func (p queuePrinter) failed(out result.Result) {
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

// messageText describes a message that the function queued: its user or users, and its ID.
func messageText(m sqstest.Message) string {
	d, _ := document.ParseMessage(m.Body)
	users := shortUserID(d.UserID)
	switch {
	case d.AllUsers && d.Offset != nil:
		users = fmt.Sprintf("all users from %d on", *d.Offset)
	case d.UserID == "" && d.ClientUserID != "":
		users = clientPrefix + printable(d.ClientUserID)
	}
	return fmt.Sprintf("%s (message %s)", users, shortID(m.ID))
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
	left := q.messages.Len()
	s.printf("\n%s", final.summary(s, took))
	if retried > 0 {
		s.printf(", %d to be retried", retried)
	}
	s.printf("\n")
	if left > 0 {
		s.printf("%s still queued, waiting to be retried\n", counted(left, "message"))
	}
	return final.failed == 0 && left == 0
}
