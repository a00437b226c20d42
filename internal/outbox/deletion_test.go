package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// healthyBus accepts every result after a moment.
type healthyBus struct{}

func (healthyBus) Publish(ctx context.Context, events []outbox.Event) []error {
	select {
	case <-time.After(20 * time.Millisecond):
		return make([]error, len(events))
	case <-ctx.Done():
		return slices.Repeat([]error{ctx.Err()}, len(events))
	}
}

// deletions is a stand-in for the queue's DeleteMessages.
type deletions struct {
	answer func(ctx context.Context) error

	mu    sync.Mutex
	calls [][]string // receipt handles
}

func (d *deletions) delete(ctx context.Context, handles []string) error {
	d.mu.Lock()
	d.calls = append(d.calls, handles)
	d.mu.Unlock()
	return d.answer(ctx)
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// open opens an outbox with a healthy bus that gives up after 20 s.
func open(t *testing.T, d *deletions, log *slog.Logger) *outbox.Outbox {
	t.Helper()
	return outbox.Open(t.Context(), time.Now().Add(20*time.Second), outbox.Options{
		Bus: healthyBus{}, Delete: d.delete, Observer: observe.All{}, Log: log,
	})
}

// fill publishes n results, a hundred a second.
func fill(t *testing.T, box *outbox.Outbox, n int) {
	t.Helper()
	for i := range n {
		box.Publish(outbox.Item{
			Result: result.FromInFlight("user"), ReceiptHandle: fmt.Sprint(i),
			Failed: func(f *result.Failure) { t.Errorf("result %d was not published: %v", i, f.Cause) },
		})
		time.Sleep(10 * time.Millisecond)
	}
}

func TestADeletionThatHangsHoldsUpNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := open(t, &deletions{answer: hang}, slog.New(slog.DiscardHandler))
		began := time.Now()
		fill(t, box, 400)
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("publishing took %v, want 4s", took)
		}
		box.Close()
	})
}

func TestADeletionThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := open(t, &deletions{answer: hang}, slog.New(slog.DiscardHandler))
		fill(t, box, 400)
		began := time.Now()
		box.Close()
		if took := time.Since(began); took > 20*time.Millisecond {
			t.Errorf("closing took %v, want the 20ms of the last results", took)
		}
	})
}

func TestMessagesArePublishedAndThenDeletedWhileTheBatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deletions{answer: func(context.Context) error { return nil }}
		box := open(t, d, slog.New(slog.DiscardHandler))
		fill(t, box, 25)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(slices.Concat(d.calls...)); n != 25 {
			t.Errorf("%d messages were deleted before the batch ended, want 25", n)
		}
		box.Close()
	})
}

func TestDeletionsThatLagAreMadeTogetherAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deletions{answer: func(context.Context) error {
			time.Sleep(15 * time.Second)
			return nil
		}}
		box := open(t, d, slog.New(slog.DiscardHandler))
		fill(t, box, 1500)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		d.mu.Lock()
		if len(d.calls) != 2 || len(d.calls[0]) != 10 || len(d.calls[1]) != 1000 {
			t.Errorf("%d calls, want one with 10 messages and one with 1,000", len(d.calls))
		}
		d.mu.Unlock()
		time.Sleep(15 * time.Second)
		box.Close()
	})
}

func TestADeletionThatFailsIsLoggedForDebuggingUnlessTheBatchHasEnded(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(context.Context) error
		logged bool
	}{
		"it fails":            {func(context.Context) error { return errors.New("denied") }, true},
		"it is still running": {hang, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				box := open(t, &deletions{answer: c.answer}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
				fill(t, box, 10)
				time.Sleep(time.Second)
				box.Close()
				if logged := strings.Contains(log.String(), "early deletion failed"); logged != c.logged || strings.Contains(log.String(), "level=WARN") {
					t.Errorf("logged %q", log.String())
				}
			})
		})
	}
}
