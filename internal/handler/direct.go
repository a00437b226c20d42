package handler

import (
	"cmp"
	"context"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveEventBridge answers an EventBridge event. One of the function's own is ignored: a broad rule must not loop.
func (h *Handler) serveEventBridge(ctx context.Context, in invocation, event document.Object) ([]byte, error) {
	in.RequestID = cmp.Or(event.ID("id"), in.RequestID)
	if event.Text("source") == result.EventSource {
		return encode(h.ignore(ctx, in, document.Document{})), nil
	}
	return h.serveDocument(ctx, in, event["detail"])
}

// serveDocument answers the detail of an EventBridge event, or a direct document.
func (h *Handler) serveDocument(ctx context.Context, in invocation, raw []byte) ([]byte, error) {
	d, err := h.reader.Read(raw)
	in.RequestID = cmp.Or(d.RequestID, in.RequestID)
	switch {
	case err != nil:
		return h.refuse(ctx, in, err)
	case d.Ignored:
		return encode(h.ignore(ctx, in, d)), nil
	case d.Many && h.options.Queue != nil:
		queued, err := h.enqueueMany(ctx, in, d, in.budget(0))
		if err != nil {
			return h.refuse(ctx, in, err)
		}
		return encode(queued), nil
	}
	results := h.refreshAll(ctx, in, in.requests(d, in.budget(0)))
	final, retry := results, -1
	// A direct caller reads the results of many; EventBridge reads none, and can only try again.
	if !d.Many || in.Trigger == document.EventBridge {
		final, retry = slices.DeleteFunc(slices.Clone(results), retryable), slices.IndexFunc(results, retryable)
	}
	unpublished := h.publish(ctx, in, final)
	switch {
	case retry >= 0:
		return nil, results[retry].Failure()
	case unpublished != nil:
		return nil, unpublished
	case d.Many:
		return shortened(results, func(results []result.Result) []byte { return encode(summarize(results)) }), nil
	}
	return shortened(results, func(results []result.Result) []byte { return encode(results[0]) }), nil
}

// refreshAll refreshes users and returns one result each, in their order.
func (h *Handler) refreshAll(ctx context.Context, in invocation, requests []refresh.Request) []result.Result {
	results := make([]result.Result, len(requests))
	h.refreshEach(ctx, requests, func(int) invocation { return in }, func(i int, out result.Result) {
		results[i] = out
		h.options.Observer.Refreshed(ctx, in.Origin, out)
	})
	return results
}

func (in invocation) requests(d document.Document, budget refresh.Budget) []refresh.Request {
	requests := make([]refresh.Request, 0, len(d.Users))
	for _, user := range d.Users {
		requests = append(requests, refresh.Request{
			UserID: user.ID, ClientUserID: user.ClientUserID, Timeout: d.Timeout, MaxAge: d.MaxAge, RequestID: in.RequestID, Budget: budget,
		})
	}
	return requests
}
