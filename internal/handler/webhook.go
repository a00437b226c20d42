package handler

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveWebhook answers a refresh document, an app's own webhook or one of Junction's.
func (h *Handler) serveWebhook(ctx context.Context, in invocation, r *Request, delivery string) []byte {
	body, err := r.Body()
	if err != nil {
		return h.refuseHTTP(ctx, in, result.Fail(result.InvalidRequest, "isBase64Encoded is true, but the body is not base64"))
	}
	read := h.reader.Read
	if r.fromSvix() {
		read = h.reader.ReadSvix
	}
	d, err := read(body)
	if err != nil {
		return h.refuseHTTP(ctx, in, err)
	}
	if d.ConnectionError != nil && h.options.Bus != nil {
		if err := h.publishOnce(ctx, in, delivery, *d.ConnectionError); err != nil {
			return h.refuseHTTP(ctx, in, err)
		}
	}
	if d.Ignored {
		return httpAnswer(h.ignore(ctx, in, d))
	}
	return h.once(ctx, delivery, func() (answer []byte, final bool) {
		budget := in.budget(h.webhookWaits(in.Trigger))
		if h.options.Queue != nil {
			return h.queueHTTP(ctx, in, r, d, budget)
		}
		results := h.refreshAll(ctx, in, in.requests(d, budget))
		if d.Many {
			return shortened(results, func(results []result.Result) []byte {
				return encodeHTTP(http.StatusOK, map[string]string{}, summarize(results))
			}), isFinal(results)
		}
		return httpAnswer(results[0]), isFinal(results)
	})
}

// publishOnce publishes a connection error unless the delivery's was published before. It is remembered apart from
// the delivery's answer: a refresh that is tried again must not publish it again.
func (h *Handler) publishOnce(ctx context.Context, in invocation, delivery string, e result.ConnectionError) (err error) {
	if delivery != "" {
		delivery += " connection error"
	}
	h.once(ctx, delivery, func() (answer []byte, final bool) {
		ctx, cancel := context.WithDeadline(ctx, in.budget(h.webhookWaits(in.Trigger)).End().Add(-answering))
		defer cancel()
		cause := h.options.Bus.Publish(ctx, []outbox.Event{{ConnectionError: &e, TraceHeader: in.TraceHeader}})[0]
		if cause != nil {
			err = result.FailFor(result.PublishFailed, "the connection error could not be published", cause)
		}
		return encodeHTTP(http.StatusOK, map[string]string{}, e), cause == nil
	})
	return err
}

// queueHTTP queues a request's refreshes and answers it. final reports whether the same request need not
// be tried again.
func (h *Handler) queueHTTP(ctx context.Context, in invocation, r *Request, d document.Document, budget refresh.Budget) (answer []byte, final bool) {
	var queued any
	var err error
	if d.Many {
		queued, err = h.enqueueMany(ctx, in, d, budget)
	} else {
		queued, err = h.enqueueOne(ctx, in, d, budget)
	}
	if err != nil {
		return h.refuseHTTP(ctx, in, err), !result.AsFailure(err).Requeue()
	}
	headers := map[string]string{}
	if r.prefersAsync() {
		headers["Preference-Applied"] = respondAsync
	}
	return encodeHTTP(http.StatusAccepted, headers, queued), true
}

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
	return !slices.ContainsFunc(results, func(out result.Result) bool {
		inFlight := out.Coalesced && out.Status == result.InProgress && out.UpstreamStatus == 0
		f := out.Failure()
		return inFlight || f != nil && f.Requeue()
	})
}
