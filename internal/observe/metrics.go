package observe

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// Metrics is an observer that counts what happened, and writes the counts at the end of each invocation, in
// CloudWatch Embedded Metric Format. docs/metrics.md says what each metric means.
//
// An invocation is recognized by the *lambdacontext.LambdaContext in its context, of which the runtime makes
// one per invocation.
type Metrics struct {
	Nop // queued refreshes are counted when they are made; looks are not counted
	// Plain leaves out what makes the lines metrics: CloudWatch then keeps them as lines of the log alone. Set it before
	// the first use.
	Plain bool

	w           io.Writer
	level       string
	secretReads atomic.Int64

	mu    sync.Mutex
	warm  bool // an invocation has ended
	open  map[*lambdacontext.LambdaContext]*tally
	spare *tally // of an invocation that has ended, to be used again
	lines []byte // the last lines that were written; the memory is used again
}

// NewMetrics returns an observer that writes to w. logLevel is the value of AWS_LAMBDA_LOG_LEVEL.
//
// Lambda discards lines below that level (docs/metrics.md), so the metrics are written at the level that is set, or
// at INFO if that is less. FATAL would pass at every level too, but every invocation would look like a crash to
// whoever collects the logs.
func NewMetrics(w io.Writer, logLevel string) *Metrics {
	switch logLevel {
	case "WARN", "ERROR", "FATAL":
	default:
		logLevel = "INFO"
	}
	return &Metrics{w: w, level: logLevel, open: map[*lambdacontext.LambdaContext]*tally{}}
}

// Refreshed implements Observer.
func (m *Metrics) Refreshed(ctx context.Context, _ Origin, out result.Result) {
	outcome, ok := outcomeOf(out)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tally(ctx)
	t.counts[refreshes]++
	t.counts[outcome]++
	if outcome == coalesced {
		return // the calls in the result were made by another refresh
	}
	switch out.ErrorCode {
	case result.RateLimited:
		t.counts[rateLimited]++
	case result.UpstreamUnauthorized, result.Misconfigured:
		t.counts[unauthorized]++
	}
	if out.Degraded != nil || out.ErrorCode == result.QuotaUnavailable {
		t.counts[withoutQuota]++
	}
	if out.Attempts > 0 {
		t.add(attempts, int64(out.Attempts))
	}
	for _, took := range out.UpstreamLatency {
		t.add(upstreamLatency, took.Milliseconds())
	}
}

// outcomeOf returns the one outcome that a result counts as. ok is false if it counts as no refresh: it was
// queued or ignored, is postponed because another invocation is refreshing the user, or is the answer to an
// HTTP request that was turned away before its document was read, as everybody on the Internet can cause.
func outcomeOf(out result.Result) (outcome count, ok bool) {
	switch out.ErrorCode {
	case result.InFlight, result.Unauthenticated, result.NotFound, result.MethodNotAllowed:
		return 0, false
	}
	if out.Coalesced {
		return coalesced, true
	}
	outcome, ok = outcomes[out.Status]
	return outcome, ok
}

var outcomes = map[result.Status]count{
	result.Completed: completed, result.InProgress: inProgress, result.Partial: partial, result.Failed: failed,
}

// Settled implements Observer.
func (m *Metrics) Settled(ctx context.Context, _ Origin, out result.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tally(ctx)
	if out.Status == result.InProgress {
		t.counts[unsettled]++
		return
	}
	t.counts[settled]++
	t.add(timeToSettle, max(out.DurationMS, 0)) // the refresh may have begun by another clock
}

// SecretRead is called for each read of the secret. The read counts in the next invocation that ends: most
// reads are made in the background.
func (m *Metrics) SecretRead() { m.secretReads.Add(1) }

// Invoked implements Observer. It writes what the invocation counted, if anything.
func (m *Metrics) Invoked(ctx context.Context, from Origin, _ *result.Failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tally(ctx)
	invocation, _ := lambdacontext.FromContext(ctx)
	delete(m.open, invocation)
	if !m.warm {
		m.warm = true
		t.counts[coldStart] = 1
	}
	t.counts[secretReads] = m.secretReads.Swap(0)
	m.lines = t.appendLines(m.lines[:0], m.level, string(from.Trigger), time.Now(), m.Plain)
	if len(m.lines) > 0 {
		_, _ = m.w.Write(m.lines) // metrics that cannot be written must not fail the refreshes
	}
	t.reset()
	m.spare = t
}

// tally returns what an invocation has counted so far.
func (m *Metrics) tally(ctx context.Context) *tally {
	invocation, _ := lambdacontext.FromContext(ctx)
	t := m.open[invocation]
	if t == nil {
		if t, m.spare = m.spare, nil; t == nil {
			t = &tally{}
		}
		m.open[invocation] = t
	}
	return t
}
