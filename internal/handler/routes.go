package handler

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// serveHTTP answers an HTTP event. It looks at nothing but the headers before the caller is admitted.
func (h *Handler) serveHTTP(ctx context.Context, in invocation, payload []byte) []byte {
	r, err := readHTTP(in.Trigger, payload)
	if err != nil {
		return h.refuseHTTP(ctx, in, err)
	}
	delivery, err := h.options.Admit(ctx, r)
	switch {
	case err != nil:
		return h.refuseHTTP(ctx, in, err)
	case r.route == noRoute:
		return h.refuseHTTP(ctx, in, result.Fail(result.NotFound, "there is no such route"))
	case r.Method != http.MethodPost:
		return h.refuseHTTP(ctx, in, result.Fail(result.MethodNotAllowed, "the route allows only POST"))
	case r.route == refreshRoute:
		return h.serveRefresh(ctx, in, r)
	}
	return h.serveWebhook(ctx, in, r, delivery)
}

// refuseHTTP answers a request that led to no refresh.
func (h *Handler) refuseHTTP(ctx context.Context, in invocation, err error) []byte {
	return httpAnswer(h.fail(ctx, in, err))
}

// serveRefresh answers the same request that Junction itself accepts.
func (h *Handler) serveRefresh(ctx context.Context, in invocation, r *Request) []byte {
	d := document.Document{Timeout: h.reader.DefaultTimeout}
	segment, _ := url.PathUnescape(r.segment)
	id, err := document.ParseUserID(segment)
	if err != nil {
		return h.refuseHTTP(ctx, in, withDetail(document.InvalidValue("user_id is not a UUID"), "path", "user_id"))
	}
	d.UserIDs = []string{id}
	if timeouts := r.Query["timeout"]; len(timeouts) > 0 {
		if d.Timeout, err = document.ParseTimeout(timeouts[len(timeouts)-1]); err != nil {
			return h.refuseHTTP(ctx, in, withDetail(result.AsFailure(err), "query", "timeout"))
		}
	}
	budget := in.budget(h.gatewayWaits(in.Trigger))
	if h.options.Queue != nil && r.prefersAsync() {
		answer, _ := h.queueHTTP(ctx, in, r, d, budget)
		return answer
	}
	return httpAnswer(h.refreshAll(ctx, in, d, budget)[0])
}

// withDetail adds the detail of a 422 in Junction's form, which its SDKs decode.
func withDetail(f *result.Failure, place, name string) *result.Failure {
	f.Detail, _ = json.Marshal([]map[string]any{{"loc": []string{place, name}, "msg": f.Message, "type": "value_error"}})
	return f
}

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
	switch {
	case err != nil:
		return h.refuseHTTP(ctx, in, err)
	case d.Ignored:
		return httpAnswer(h.ignore(ctx, in, d))
	}
	return h.once(ctx, delivery, func() (answer []byte, final bool) {
		budget := in.budget(h.webhookWaits(in.Trigger))
		if h.options.Queue != nil {
			return h.queueHTTP(ctx, in, r, d, budget)
		}
		results := h.refreshAll(ctx, in, d, budget)
		if d.Many {
			return shortened(results, manyHTTPAnswer), isFinal(results)
		}
		return httpAnswer(results[0]), isFinal(results)
	})
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
		return h.refuseHTTP(ctx, in, err), !result.AsFailure(err).Retryable()
	}
	return queuedAnswer(queued, r.prefersAsync()), true
}
