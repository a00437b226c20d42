package harness

import (
	"context"
	"testing"
	"time"
)

// Eventually waits for a condition, and fails the test if it does not hold in time.
func Eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(PollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Pause waits, unless ctx ends earlier.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
