package handler

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveEvent answers an EventBridge event's detail or a direct document.
func (h *Handler) serveEvent(ctx context.Context, in invocation, raw []byte) ([]byte, error) {
	d, err := h.reader.read(raw, false)
	if err != nil {
		return h.refuse(ctx, in, err)
	}
	budget := in.budget(0)
	if h.queues(d, false) {
		taken, err := h.enqueue(ctx, in, d, budget)
		if err != nil {
			return h.refuse(ctx, in, err)
		}
		return json.Marshal(taken)
	}
	results := h.refreshAll(ctx, in, d, budget)
	final, again := results, (*result.Failure)(nil)
	// A direct caller reads the results of many; EventBridge reads none, and can only try again.
	if !d.many || in.trigger == EventBridge {
		final, again = slices.DeleteFunc(slices.Clone(results), retryable), firstRetryable(results)
	}
	if unpublished := h.publishAll(ctx, in, final); again == nil {
		again = unpublished
	}
	switch {
	case again != nil:
		return nil, lambdaError(again)
	case d.many:
		return json.Marshal(summarize(results))
	}
	return json.Marshal(results[0])
}

// refreshAll refreshes the users of a document: one result each, in their order.
func (h *Handler) refreshAll(ctx context.Context, in invocation, d document, budget refresh.Budget) []result.Result {
	if d.ignored {
		out := in.stamp(d.ignoredResult())
		h.finish(ctx, in, out)
		return []result.Result{out}
	}
	requests := in.requests(d, budget)
	results := make([]result.Result, len(requests))
	h.refresher.All(ctx, requests, func(i int, out result.Result) {
		results[i] = out
		h.finish(ctx, in, out)
	})
	return results
}

// requests returns the refreshes that a document asks for.
func (in invocation) requests(d document, budget refresh.Budget) []refresh.Request {
	one := refresh.Request{ClientUserID: d.clientUserID, Timeout: d.timeout, RequestID: in.requestID, Budget: budget}
	if d.clientUserID != "" {
		return []refresh.Request{one}
	}
	all := make([]refresh.Request, 0, len(d.userIDs))
	for _, id := range d.userIDs {
		one.UserID = id
		all = append(all, one)
	}
	return all
}
