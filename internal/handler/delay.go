package handler

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxDelay is the longest that a message is delayed: SQS allows 12 hours from its receipt.
const maxDelay = 11*time.Hour + 45*time.Minute

// republishAfter is the delay of a message whose result could not be published, by the number of its
// receipts: short, so that the result is still stored and the user is not refreshed again. After that the
// bus is down for longer, and the queue's own visibility timeout applies.
var republishAfter = map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second}

// quotaAfter is the delay of a message that waits for the quota's table, by the number of its receipts before
// this one. The last delay is that of all further receipts.
var quotaAfter = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}

// delays returns the delays of the failed messages that can succeed at a known time.
func (b *batch) delays() []Delay {
	var delays []Delay
	for i, f := range b.failed {
		m, wait := b.messages[i], f.RetryAfter
		received, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		switch f.Code {
		case result.RateLimited:
		case result.InFlight:
			wait += time.Second // for what the other refresh still has to do
		case result.QuotaUnavailable:
			wait = quotaAfter[min(max(received, 1), len(quotaAfter))-1]
		case result.PublishFailed:
			wait = republishAfter[received]
		default:
			continue
		}
		if wait > 0 && m.ReceiptHandle != "" {
			seconds := (wait + time.Second - 1).Truncate(time.Second)
			delays = append(delays, Delay{ReceiptHandle: m.ReceiptHandle, For: min(seconds, maxDelay)})
		}
	}
	return delays
}

// delay delays failed messages. If that fails, they become visible again at the queue's visibility timeout.
func (h *Handler) delay(ctx context.Context, delays []Delay, budget refresh.Budget) {
	if len(delays) == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, budget.End().Add(-answering/2))
	defer cancel()
	if err := h.options.Queue.Delay(ctx, delays); err != nil {
		h.options.Log.WarnContext(ctx, "messages could not be delayed; they are retried at the queue's visibility timeout", slog.String("cause", err.Error()))
	}
}
