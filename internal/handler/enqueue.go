package handler

import (
	"cmp"
	"context"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

type queuedSummary struct {
	Users  int `json:"users"`
	Queued int `json:"queued,omitempty"` // absent for all users: nobody knows yet how many have a source
	Pages  int `json:"pages,omitempty"`  // for all users: the number of messages
}

// enqueueOne queues a document with one user.
func (h *Handler) enqueueOne(ctx context.Context, in invocation, d document.Document, budget refresh.Budget) (result.Result, error) {
	messages := d.Messages(in.origin())
	if err := h.send(ctx, in, messages, 0, budget); err != nil {
		return result.Result{}, err
	}
	out := result.FromQueued(messages[0].UserID)
	out.ClientUserID = messages[0].ClientUserID
	out.Final = h.options.Bus == nil
	out.RequestedTimeoutSeconds = d.Timeout
	out = in.complete(out)
	h.options.Observer.Refreshed(ctx, in.Origin, out)
	return out, nil
}

// enqueueMany queues a document with many users: one message per user, or one per page of all users.
func (h *Handler) enqueueMany(ctx context.Context, in invocation, d document.Document, budget refresh.Budget) (manyAnswer, error) {
	var messages []document.Message
	var summary queuedSummary
	switch {
	case d.All && d.Page == document.Page{}:
		first, err := h.refresher.Users(ctx, budget, 0, 1)
		if err != nil {
			return manyAnswer{}, err
		}
		messages = d.PageMessages(in.origin(), first.Total)
		summary = queuedSummary{Users: first.Total, Pages: len(messages)}
	case d.All:
		page, err := h.refresher.Users(ctx, budget, d.Page.Offset, d.Page.Limit)
		if err != nil {
			return manyAnswer{}, err
		}
		d.Users = page.Users
		fallthrough
	default:
		messages = d.Messages(in.origin())
		summary = queuedSummary{Users: len(messages), Queued: len(messages)}
	}
	if err := h.send(ctx, in, messages, 0, budget); err != nil {
		return manyAnswer{}, err
	}
	h.options.Observer.Queued(ctx, in.Origin, summary.Users, summary.Pages)
	return manyAnswer{Status: result.Queued, Summary: summary, Results: []result.Result{}}, nil
}

// origin is what the messages of an invocation are queued for.
func (in invocation) origin() document.Origin {
	return document.Origin{Trigger: cmp.Or(in.QueuedBy, in.Trigger), RequestID: in.RequestID}
}

// send puts messages on the queue, to be received after a delay.
func (h *Handler) send(ctx context.Context, in invocation, messages []document.Message, delay time.Duration, budget refresh.Budget) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering))
	defer cancel()
	encoded := make([]Message, 0, len(messages))
	for _, m := range messages {
		encoded = append(encoded, Message{Body: m.Body(), Delay: delay, TraceHeader: in.TraceHeader})
	}
	if err := h.options.Queue.Send(ctx, encoded); err != nil {
		return result.FailFor(result.QueueFailed, "the refresh could not be queued", err)
	}
	return nil
}
