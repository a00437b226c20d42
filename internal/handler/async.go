package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// respondAsync is the preference of a caller that waits for no refresh (RFC 7240, 4.1).
const respondAsync = "respond-async"

// prefersAsync says whether a request asks not to wait.
func prefersAsync(header http.Header) bool {
	for _, line := range header.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			token, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.TrimSpace(token), respondAsync) {
				return true
			}
		}
	}
	return false
}

// queues says whether a document's refreshes go on the queue. asked is that its sender waits for none.
func (h *Handler) queues(d document, asked bool) bool {
	return h.options.Queue != nil && !d.ignored && (asked || d.many)
}

// message is the body of a message: a refresh document that says where it comes from.
type message struct {
	UserID       string  `json:"user_id,omitempty"`
	ClientUserID string  `json:"client_user_id,omitempty"`
	AllUsers     bool    `json:"all_users,omitempty"`
	Offset       *int    `json:"offset,omitempty"`
	Limit        int     `json:"limit,omitempty"`
	Timeout      float64 `json:"timeout"`              // seconds, as asked for
	Trigger      Trigger `json:"trigger"`              // what the refresh was queued for
	RequestID    string  `json:"request_id,omitempty"` // of the result that told its caller so
}

// queued is what a sender of many users is answered.
type queued struct {
	Status  result.Status   `json:"status"`
	Summary queuedSummary   `json:"summary"`
	Results []result.Result `json:"results"`
}

type queuedSummary struct {
	Users  int `json:"users"`
	Queued int `json:"queued"`
	Pages  int `json:"pages,omitempty"` // of all users: the messages that they were queued as
}

// enqueue puts a document's refreshes on the queue: one message a user, or one a page of all users. It
// returns the document to answer with.
func (h *Handler) enqueue(ctx context.Context, in invocation, d document, budget refresh.Budget) (any, error) {
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering))
	defer cancel()
	one := message{Timeout: d.timeout, Trigger: in.origin, RequestID: in.requestID}
	var messages []message
	var summary queuedSummary
	switch {
	case d.all && d.page.limit == 0:
		// With a page a message, any number of users is three invocations deep: Lambda cuts a function off
		// that feeds itself through SQS some 16 times, as one that queued its own next page would.
		first, err := h.refresher.Users(ctx, budget, 0, 1)
		if err != nil {
			return nil, err
		}
		one.AllUsers, one.Limit = true, pageSize
		for offset := 0; offset < first.Total; offset += pageSize {
			one.Offset = new(offset)
			messages = append(messages, one)
		}
		summary = queuedSummary{Users: first.Total, Queued: first.Total, Pages: len(messages)}
	case d.all:
		users, err := h.refresher.Users(ctx, budget, d.page.offset, d.page.limit)
		if err != nil {
			return nil, err
		}
		messages = one.forEach(users.UserIDs)
	case d.clientUserID != "":
		one.ClientUserID = d.clientUserID
		messages = append(messages, one)
	default:
		messages = one.forEach(d.userIDs)
	}
	if err := h.send(ctx, in, messages); err != nil {
		return nil, err
	}
	if !d.many {
		out := in.stamp(result.FromQueued(messages[0].UserID))
		out.RequestedTimeoutSeconds = d.timeout
		h.finish(ctx, in, out)
		return out, nil
	}
	if summary.Pages == 0 {
		summary = queuedSummary{Users: len(messages), Queued: len(messages)}
	}
	h.options.Log.InfoContext(ctx, "queued", slog.String("trigger", string(in.trigger)), slog.String("trace_id", traceID(in.traceHeader)),
		slog.String("request_id", in.requestID), slog.Int("users", summary.Users), slog.Int("pages", summary.Pages))
	return queued{Status: result.Queued, Summary: summary, Results: []result.Result{}}, nil
}

// forEach returns the message for each of these users.
func (m message) forEach(userIDs []string) []message {
	all := make([]message, 0, len(userIDs))
	for _, id := range userIDs {
		m.UserID = id
		all = append(all, m)
	}
	return all
}

// send puts messages on the queue.
func (h *Handler) send(ctx context.Context, in invocation, messages []message) error {
	if len(messages) == 0 {
		return nil
	}
	sent := make([]Message, 0, len(messages))
	for _, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		sent = append(sent, Message{Body: string(body), TraceHeader: in.traceHeader})
	}
	if err := h.options.Queue.Send(ctx, sent); err != nil {
		return result.FailFor(result.QueueFailed, "the queue does not take the refresh", err)
	}
	return nil
}

// queueHTTP answers an HTTP request whose refreshes are made later. settled says whether there is
// nothing left for another try to do.
func (h *Handler) queueHTTP(ctx context.Context, in invocation, d document, budget refresh.Budget, asked bool) (answer []byte, settled bool, err error) {
	taken, err := h.enqueue(ctx, in, d, budget)
	if err != nil {
		answer, refused := h.refuse(ctx, in, err)
		return answer, !result.AsFailure(err).Retryable(), refused
	}
	answer, err = queuedAnswer(taken, asked)
	return answer, true, err
}
