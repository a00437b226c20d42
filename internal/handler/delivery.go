package handler

import (
	"context"
	"log/slog"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// once answers a delivery that was answered before with the same answer, and processes it otherwise. The
// answer is remembered if it is final; if not, the sender's next try processes the delivery again.
//
// A delivery that is being processed is not marked: an instance that dies would leave the mark behind, and
// the work undone. Two tries at the same time meet at the user's lease.
func (h *Handler) once(ctx context.Context, id string, process func() (answer []byte, final bool)) []byte {
	if id == "" || h.options.Deliveries == nil {
		answer, _ := process()
		return answer
	}
	answer, err := h.options.Deliveries.Answer(ctx, id)
	if err != nil {
		h.options.Log.WarnContext(ctx, "delivery lookup failed; processing it as new", slog.String("cause", err.Error()))
	}
	if answer != nil {
		h.options.Log.DebugContext(ctx, "delivery seen before; answering it as before")
		return answer
	}
	answer, final := process()
	if final {
		if err := h.options.Deliveries.Remember(ctx, id, answer); err != nil {
			h.options.Log.WarnContext(ctx, "delivery could not be remembered; if it is sent again, it is processed again", slog.String("cause", err.Error()))
		}
	}
	return answer
}

// isFinal reports whether no user needs another try: each was refreshed, or never can be. A refresh that
// another instance is making may still fail, so it is not final.
func isFinal(results []result.Result) bool {
	for _, out := range results {
		inFlight := out.Coalesced && out.Status == result.InProgress && out.UpstreamStatus == 0
		if f := out.Failure(); inFlight || f != nil && f.Requeue() {
			return false
		}
	}
	return true
}
