package handler

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// finish is where every result passes by: it is logged, as one line with the result's own names and
// without its lists. The error is our own sentence, never the caller's words or Junction's.
func (h *Handler) finish(ctx context.Context, in invocation, out result.Result) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("trigger", string(in.trigger)),
		slog.String("trace_id", traceID(in.traceHeader)),
		slog.Bool("success", out.Success),
		slog.String("status", string(out.Status)),
		slog.String("user_id", out.UserID),
		slog.Float64("timeout_seconds", out.TimeoutSeconds),
		slog.Float64("requested_timeout_seconds", out.RequestedTimeoutSeconds),
		slog.Int("upstream_status", out.UpstreamStatus),
		slog.Int("attempts", out.Attempts),
		slog.Int64("duration_ms", out.DurationMS),
		slog.Bool("coalesced", out.Coalesced),
		slog.String("request_id", out.RequestID),
		slog.String("completed_at", out.CompletedAt.Format(time.RFC3339)),
	}
	if in.origin != in.trigger {
		attrs = append(attrs, slog.String("queued_by", string(in.origin)))
	}
	if f := out.Failure(); f != nil {
		level = f.Code.Level()
		attrs = append(attrs, slog.String("error", f.Message), slog.String("error_code", string(f.Code)), slog.Bool("retryable", f.Retryable()))
		if f.RetryAfter > 0 {
			attrs = append(attrs, slog.Int("retry_after_seconds", f.RetryAfterSeconds()))
		}
		if f.Cause != nil {
			attrs = append(attrs, slog.String("cause", f.Cause.Error()))
		}
	} else if out.Status == result.Ignored {
		level = slog.LevelDebug // nothing was refreshed, and Junction sends many of them
	}
	if out.Degraded != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.String("quota_error", out.Degraded.Error()))
	}
	h.options.Log.LogAttrs(ctx, level, "refresh", attrs...)
}

// traceHeader is the X-Ray header of the invocation, "Root=1-…;Parent=…;Sampled=1", from where
// aws-lambda-go puts it; "" where there is none.
func traceHeader(ctx context.Context) string {
	header, _ := ctx.Value("x-amzn-trace-id").(string)
	return header
}

// traceID is the trace of an X-Ray header; "" where there is none.
func traceID(header string) string {
	for part := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(part, "Root="); ok {
			return root
		}
	}
	return ""
}
