package handler

import (
	"context"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveEvent answers the detail of an EventBridge event, or a direct document.
func (h *Handler) serveEvent(ctx context.Context, in invocation, raw []byte) ([]byte, error) {
	d, err := h.reader.Read(raw)
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
	results := h.refreshAll(ctx, in, d, in.budget(0))
	final, retry := results, (*result.Failure)(nil)
	// A direct caller reads the results of many; EventBridge reads none, and can only try again.
	if !d.Many || in.Trigger == document.EventBridge {
		final, retry = slices.DeleteFunc(slices.Clone(results), retryable), firstRetryable(results)
	}
	if unpublished := h.publish(ctx, in, final); retry == nil {
		retry = unpublished
	}
	switch {
	case retry != nil:
		return nil, retry
	case d.Many:
		return shortened(results, func(results []result.Result) []byte { return encode(summarize(results)) }), nil
	}
	return shortened(results, func(results []result.Result) []byte { return encode(results[0]) }), nil
}

// refreshAll refreshes the users of a document and returns one result each, in their order.
func (h *Handler) refreshAll(ctx context.Context, in invocation, d document.Document, budget refresh.Budget) []result.Result {
	requests := in.requests(d, budget)
	results := make([]result.Result, len(requests))
	h.refresher.All(ctx, requests, func(i int, out result.Result) {
		results[i] = out
		h.options.Observer.Refreshed(ctx, in.Origin, out)
	})
	return results
}

// requests returns the refreshes that a document asks for.
func (in invocation) requests(d document.Document, budget refresh.Budget) []refresh.Request {
	request := refresh.Request{ClientUserID: d.ClientUserID, Timeout: d.Timeout, RequestID: in.RequestID, Budget: budget}
	if d.ClientUserID != "" {
		return []refresh.Request{request}
	}
	requests := make([]refresh.Request, 0, len(d.UserIDs))
	for _, id := range d.UserIDs {
		request.UserID = id
		requests = append(requests, request)
	}
	return requests
}
