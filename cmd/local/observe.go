package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// newLog returns the function's logger: JSON lines on standard error where verbose, else silence. seen,
// where it is not nil, gets to know each line either way.
func newLog(c *console, verbose bool, seen *logged) *slog.Logger {
	out := slog.DiscardHandler
	if verbose {
		out = slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	if seen != nil {
		out = tee{Handler: out, seen: seen}
	}
	return slog.New(out)
}

// refreshLine is what the function's log says of one refresh.
type refreshLine struct {
	trigger  string
	userID   string
	timeout  float64
	status   int64
	attempts int64
	took     time.Duration

	ended     result.Status
	code      string // of a failure
	retryable bool
}

// logged is what the function logged of its refreshes, which is where the report learns what the
// handler took an event for.
type logged struct {
	keep bool              // the lines are kept
	tell func(refreshLine) // is told of each; nil for nobody

	mu    sync.Mutex
	lines []refreshLine
}

func (l *logged) all() []refreshLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

func (l *logged) add(line refreshLine) {
	if l.tell != nil {
		l.tell(line)
	}
	if l.keep {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	}
}

// tee hands log records on, and notes those of refreshes.
type tee struct {
	slog.Handler
	seen *logged
}

// Enabled implements slog.Handler: nothing is missed.
func (t tee) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (t tee) Handle(ctx context.Context, record slog.Record) error {
	var line refreshLine
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "trigger":
			line.trigger = a.Value.String()
		case "status":
			line.ended = result.Status(a.Value.String())
		case "user_id":
			line.userID = a.Value.String()
		case "timeout_seconds":
			line.timeout, _ = a.Value.Any().(float64)
		case "upstream_status":
			line.status, _ = a.Value.Any().(int64)
		case "attempts":
			line.attempts, _ = a.Value.Any().(int64)
		case "error_code":
			line.code = a.Value.String()
		case "retryable":
			line.retryable, _ = a.Value.Any().(bool)
		case "duration_ms":
			if ms, ok := a.Value.Any().(int64); ok {
				line.took = time.Duration(ms) * time.Millisecond
			}
		}
		return true
	})
	if record.Message == "queued" { // many users
		line.ended = result.Queued
	}
	if record.Message == "refresh" || record.Message == "queued" {
		t.seen.add(line)
	}
	if !t.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return t.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (t tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	t.Handler = t.Handler.WithAttrs(attrs)
	return t
}

// WithGroup implements slog.Handler.
func (t tee) WithGroup(name string) slog.Handler {
	t.Handler = t.Handler.WithGroup(name)
	return t
}

// wire is what passed between the function and the simulator.
type wire struct {
	total func() int // requests that reached the simulator
	more  chan struct{}

	mu        sync.Mutex
	exchanges []junctiontest.Exchange
}

func newWire() *wire { return &wire{more: make(chan struct{}, 1)} }

func (w *wire) add(e junctiontest.Exchange) {
	w.mu.Lock()
	w.exchanges = append(w.exchanges, e)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// all returns the exchanges. The simulator shows one only after its answer has gone out, so the last
// may be a moment late.
func (w *wire) all() []junctiontest.Exchange {
	late := time.After(time.Second)
	for {
		w.mu.Lock()
		exchanges := w.exchanges
		w.mu.Unlock()
		if len(exchanges) >= w.total() {
			return exchanges
		}
		select {
		case <-w.more:
		case <-late:
			return exchanges
		}
	}
}
