package handler

import (
	"cmp"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/document"
)

// How long callers wait for an answer.
const (
	httpAPIWaits = 30 * time.Second // API Gateway HTTP API: a hard quota
	restAPIWaits = 29 * time.Second // API Gateway REST API: a quota that can be raised
	webhookWaits = 14 * time.Second // the sender of a webhook: Svix waits 15 s
)

// answering is the time kept at the end of an invocation for its answer.
const answering = 200 * time.Millisecond

// gatewayWaits is how long API Gateway waits for the function; 0 waits as long as Lambda.
func (h *Handler) gatewayWaits(t document.Trigger) time.Duration {
	switch limit := h.options.HTTPTimeoutLimit; t {
	case document.HTTPAPI:
		return min(cmp.Or(limit, httpAPIWaits), httpAPIWaits)
	case document.RESTAPI:
		return cmp.Or(limit, restAPIWaits)
	}
	return 0
}

// webhookWaits is how long the sender of a webhook waits, or API Gateway if that is less.
func (h *Handler) webhookWaits(t document.Trigger) time.Duration {
	return min(cmp.Or(h.gatewayWaits(t), webhookWaits), webhookWaits)
}
