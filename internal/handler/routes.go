package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/junction-refresh/junction-refresh/internal/document"
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
	case r.Method == http.MethodGet && r.route == refreshRoute:
		return h.serveState(ctx, in, r)
	case r.Method != http.MethodPost:
		out := h.fail(ctx, in, result.Fail(result.MethodNotAllowed, "the route does not allow this method"))
		return encodeHTTP(http.StatusMethodNotAllowed, map[string]string{"Allow": r.route.methods()}, out)
	case r.route == refreshRoute:
		return h.serveRefresh(ctx, in, r)
	}
	return h.serveWebhook(ctx, in, r, delivery)
}

func (h *Handler) refuseHTTP(ctx context.Context, in invocation, err error) []byte {
	return httpAnswer(h.fail(ctx, in, err))
}

// serveRefresh answers the same request that Junction itself accepts.
func (h *Handler) serveRefresh(ctx context.Context, in invocation, r *Request) []byte {
	d := document.Document{Timeout: h.reader.DefaultTimeout, MaxAge: r.maxAge()}
	id, err := r.userID()
	if err != nil {
		return h.refuseHTTP(ctx, in, err)
	}
	d.Users = []result.User{{ID: id}}
	err = readQuery(r, "timeout", document.ParseTimeout, &d.Timeout)
	if err == nil {
		err = readQuery(r, "max_age", document.ParseMaxAge, &d.MaxAge)
	}
	if err != nil {
		return h.refuseHTTP(ctx, in, err)
	}
	budget := in.budget(h.gatewayWaits(in.Trigger))
	if h.options.Queue != nil && r.prefersAsync() {
		answer, _ := h.queueHTTP(ctx, in, r, d, budget)
		return answer
	}
	requests := in.requests(d, budget)
	requests[0].SingleCall = r.fromSDK()
	return httpAnswer(h.refreshAll(ctx, in, requests)[0])
}

// userID returns the user ID in the path of the refresh route.
func (r *Request) userID() (string, error) {
	segment, _ := url.PathUnescape(r.segment)
	id, err := document.ParseUserID(segment)
	if err != nil {
		return "", withDetail(document.InvalidValue("user_id is not a UUID"), "path", "user_id")
	}
	return id, nil
}

// readQuery reads a query parameter, if there is one: the last of several values, which is the one that Junction uses.
func readQuery[T any](r *Request, name string, parse func(string) (T, error), value *T) (err error) {
	if values := r.Query[name]; len(values) > 0 {
		if *value, err = parse(values[len(values)-1]); err != nil {
			return withDetail(result.AsFailure(err), "query", name)
		}
	}
	return nil
}

// serveState answers what is known of a user without a call to Junction. If it cannot, no refresh has failed, and
// the observer is not told of one.
func (h *Handler) serveState(ctx context.Context, in invocation, r *Request) []byte {
	id, err := r.userID()
	if err != nil {
		return httpAnswer(in.failed(err))
	}
	state, err := h.refresher.State(ctx, id)
	if err != nil {
		f := result.AsFailure(err)
		h.options.Log.LogAttrs(ctx, f.Code.Level(), "the state of a user could not be read",
			slog.String("request_id", in.RequestID), slog.String("user_id", id), slog.String("error_code", string(f.Code)), slog.Any("cause", f.Cause))
		return httpAnswer(in.failed(f))
	}
	return encodeHTTP(http.StatusOK, map[string]string{}, state)
}

// withDetail adds the detail of a 422 in Junction's form, which its SDKs decode.
func withDetail(f *result.Failure, place, name string) *result.Failure {
	f.Detail, _ = json.Marshal([]map[string]any{{"loc": []string{place, name}, "msg": f.Message, "type": "value_error"}})
	return f
}
