package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// NewLog returns an observer that writes one log line per result, with the result's own field names and
// without its lists. The error in it is our own sentence, never the caller's words or Junction's.
func NewLog(log *slog.Logger) Observer { return &logger{Logger: log} }

type logger struct {
	Nop // the refreshes of an invocation have lines of their own
	*slog.Logger
}

func (l *logger) Refreshed(ctx context.Context, from Origin, out result.Result) {
	l.result(ctx, "refresh", from, out)
}

func (l *logger) Settled(ctx context.Context, from Origin, out result.Result) {
	l.result(ctx, "settled", from, out)
}

func (l *logger) Looked(ctx context.Context, from Origin, f result.FollowUp) {
	l.LogAttrs(ctx, slog.LevelInfo, "look", append(from.attrs(), slog.String("user_id", f.UserID),
		slog.Int("looks", f.Looks), slog.Int("sources_in_progress", len(f.InProgress)))...)
}

// result logs a result. The level is the failure's own; an ignored event is logged at DEBUG, since nothing was
// refreshed and Junction sends many of them.
func (l *logger) result(ctx context.Context, message string, from Origin, out result.Result) {
	level := slog.LevelInfo
	attrs := append(from.attrs(),
		slog.Bool("success", out.Success),
		slog.String("status", string(out.Status)),
		slog.String("user_id", out.UserID),
		slog.Float64("timeout_seconds", out.TimeoutSeconds),
		slog.Float64("requested_timeout_seconds", out.RequestedTimeoutSeconds),
		slog.Int("upstream_status", out.UpstreamStatus),
		slog.Int("attempts", out.Attempts),
		slog.Int64("duration_ms", out.DurationMS),
		slog.Bool("coalesced", out.Coalesced),
		slog.Bool("final", out.Final),
		slog.String("completed_at", out.CompletedAt.Format(time.RFC3339)),
	)
	if from.QueuedBy != "" {
		attrs = append(attrs, slog.String("queued_by", string(from.QueuedBy)))
	}
	switch f := out.Failure(); {
	case f != nil:
		level = f.Code.Level()
		attrs = append(append(attrs, failureAttrs(f)...), slog.Bool("retryable", f.Retryable()))
		if f.RetryAfter > 0 {
			attrs = append(attrs, slog.Int("retry_after_seconds", f.RetryAfterSeconds()))
		}
	case out.Status == result.Ignored:
		level = slog.LevelDebug
	}
	if out.Degraded != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.String("quota_error", out.Degraded.Error()))
	}
	l.LogAttrs(ctx, level, message, attrs...)
}

func (l *logger) Queued(ctx context.Context, from Origin, users, pages int) {
	l.LogAttrs(ctx, slog.LevelInfo, "queued", append(from.attrs(), slog.Int("users", users), slog.Int("pages", pages))...)
}

func (l *logger) PublishFailed(ctx context.Context, from Origin, out result.Result, f *result.Failure) {
	l.LogAttrs(ctx, f.Code.Level(), "publish", append(append(from.attrs(), slog.String("user_id", out.UserID)), failureAttrs(f)...)...)
}

func (o Origin) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 24)
	return append(attrs, slog.String("trigger", string(o.Trigger)), slog.String("trace_id", o.TraceID()), slog.String("request_id", o.RequestID))
}

func failureAttrs(f *result.Failure) []slog.Attr {
	attrs := []slog.Attr{slog.String("error", f.Message), slog.String("error_code", string(f.Code))}
	if f.Cause != nil {
		attrs = append(attrs, slog.String("cause", f.Cause.Error()))
	}
	return attrs
}
