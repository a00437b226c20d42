package handler

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// followUps is how many results are followed up at once: each takes a call to SQS.
const followUps = 10

// follow queues the first look at a result's running sources, and returns the result with final false. If the look
// cannot be queued, the result is final as it is.
func (h *Handler) follow(
	ctx context.Context, in invocation, out result.Result, look refresh.Look, budget refresh.Budget,
) result.Result {
	if err := withoutPanic(func() error { return h.sendLook(ctx, in, look, budget) }); err != nil {
		h.logLook(ctx, in, out.UserID, "the refresh cannot be followed up; its result is final with sources in progress", err)
		return out
	}
	out.Final = false
	return out
}

// followsUp reports whether there is a queue for the looks and a bus for their end.
func (h *Handler) followsUp() bool { return h.options.Queue != nil && h.options.Bus != nil }

// lookAgain makes the look that a message asks for. It returns the final result, or nil if another look was
// queued.
func (h *Handler) lookAgain(ctx context.Context, in invocation, f result.FollowUp, budget refresh.Budget) (end *result.Result, err error) {
	err = withoutPanic(func() error {
		if !h.followsUp() {
			return errNoFollowUps
		}
		next, out := h.refresher.Look(ctx, f, in.RequestID, budget)
		if next == nil {
			end = &out
			return nil
		}
		if err := h.sendLook(ctx, in, *next, budget); err != nil {
			return err
		}
		h.options.Observer.Looked(ctx, in.Origin, next.FollowUp)
		return nil
	})
	if err != nil {
		h.logLook(ctx, in, f.UserID, "a look at the sources of a refresh failed; its message is retried", err)
	}
	return end, err
}

// errNoFollowUps leaves a follow-up to the dead-letter queue, from where it can go on.
var errNoFollowUps = result.Fail(result.Misconfigured, "a follow-up needs a queue and a bus (REFRESH_QUEUE_URL, RESULT_BUS)")

func (h *Handler) logLook(ctx context.Context, in invocation, userID, message string, err error) {
	f := result.AsFailure(err)
	h.options.Log.LogAttrs(ctx, f.Code.Level(), message,
		slog.String("request_id", in.RequestID), slog.String("user_id", userID),
		slog.String("error", f.Message), slog.String("error_code", string(f.Code)), slog.Any("cause", f.Cause))
}

func (h *Handler) sendLook(ctx context.Context, in invocation, look refresh.Look, budget refresh.Budget) error {
	m := document.Message{FollowUp: &look.FollowUp, Origin: in.origin()}
	return h.send(ctx, in, []document.Message{m}, look.After, budget)
}

// refreshEach refreshes users, queues the follow-ups of their results, and calls each with every result as
// it comes, from several goroutines. from returns the invocation, or message, of a request.
func (h *Handler) refreshEach(ctx context.Context, requests []refresh.Request, from func(i int) invocation, each func(i int, out result.Result)) {
	var following errgroup.Group
	following.SetLimit(followUps)
	h.refresher.All(ctx, requests, func(i int, out result.Result) {
		var look *refresh.Look
		if h.followsUp() {
			look = h.refresher.FirstLook(out)
		}
		if look == nil {
			each(i, out)
			return
		}
		following.Go(func() error {
			each(i, h.follow(ctx, from(i), out, *look, requests[i].Budget))
			return nil
		})
	})
	_ = following.Wait() // none returns an error
}
