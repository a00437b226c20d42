package handler

import (
	"context"
	"log/slog"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// once answers a delivery that was answered before as it was then, and does its work otherwise. The
// answer is remembered where the work is settled; where it is not, its sender's next try does it.
//
// There is no mark of a delivery under way: an instance that dies would leave it behind, and the work
// undone. Two tries at once meet at the user's lease.
func (h *Handler) once(ctx context.Context, id string, work func() (answer []byte, settled bool, err error)) ([]byte, error) {
	if id == "" || h.options.Deliveries == nil {
		answer, _, err := work()
		return answer, err
	}
	answer, err := h.options.Deliveries.Answer(ctx, id)
	if err != nil {
		h.options.Log.WarnContext(ctx, "whether a delivery was answered before is not known; its work is done", slog.String("cause", err.Error()))
	}
	if answer != nil {
		h.options.Log.DebugContext(ctx, "a delivery is answered as before")
		return answer, nil
	}
	answer, done, err := work()
	if err == nil && done {
		if lost := h.options.Deliveries.Remember(ctx, id, answer); lost != nil {
			h.options.Log.WarnContext(ctx, "a delivery could not be remembered", slog.String("cause", lost.Error()))
		}
	}
	return answer, err
}

// settled says whether nothing is left to do for any of the users: it was done, or never can be. A
// refresh that somebody else is making is not ours to promise.
func settled(results []result.Result) bool {
	for _, out := range results {
		inFlight := out.Coalesced && out.Status == result.InProgress && out.UpstreamStatus == 0
		if f := out.Failure(); inFlight || f != nil && f.Retryable() {
			return false
		}
	}
	return true
}
