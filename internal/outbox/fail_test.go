package outbox_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestOnlyRejectedResultsFail(t *testing.T) {
	f := newFixture()
	f.bus.rejects["user-1"] = true
	box := outbox.Open(t.Context(), inMinutes(), f.options())
	var failure *result.Failure
	for _, id := range users(3) {
		item := f.item(id)
		failed := item.Failed
		item.Failed = func(f *result.Failure) { failure = f; failed(f) }
		box.Publish(item)
	}
	box.Close()
	if diff := cmp.Diff([]string{"user-1"}, f.failed); diff != "" {
		t.Fatalf("other results fail (-want +got):\n%s", diff)
	}
	if failure.Code != result.PublishFailed {
		t.Errorf("the failure is %s, want %s", failure.Code, result.PublishFailed)
	}
	if failure.Message != "the result could not be published" {
		t.Errorf("the failure says %q", failure.Message)
	}
	if got := failure.Cause.Error(); got != "EventBridge rejects a result: InternalFailure" {
		t.Errorf("the cause is %q", got)
	}
	if diff := cmp.Diff([]string{"r user-1"}, f.observer.failed); diff != "" {
		t.Errorf("the observer is told otherwise (-want +got):\n%s", diff)
	}
}

func TestIfTheBusPanicsAllItsResultsFail(t *testing.T) {
	f := newFixture()
	f.bus.panics = true
	box := outbox.Open(t.Context(), inMinutes(), f.options())
	for _, id := range users(2) {
		box.Publish(f.item(id))
	}
	box.Close()
	if diff := cmp.Diff([]string{"user-0", "user-1"}, f.failed); diff != "" {
		t.Errorf("other results fail (-want +got):\n%s", diff)
	}
	for _, failure := range f.observer.failures {
		if cause := failure.Cause.Error(); strings.Contains(cause, "a payload") {
			t.Errorf("the payload of the panic is told: %s", cause)
		} else if !strings.Contains(cause, "stubs_test.go") {
			t.Errorf("the place of the panic is not told: %s", cause)
		}
	}
}

func TestTheOutboxGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.bus.takes = time.Hour
		began := time.Now()
		box := outbox.Open(t.Context(), began.Add(20*time.Second), f.options())
		for _, id := range users(11) {
			box.Publish(f.item(id))
		}
		box.Close()
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("Close returns after %v, want 20 s", took)
		}
		if len(f.failed) != 11 {
			t.Errorf("%d results have failed, want all 11", len(f.failed))
		}
	})
}

func TestFailedIsCalledByOneGoroutineAtATime(t *testing.T) {
	f := newFixture()
	var now, most, calls atomic.Int64
	box := outbox.Open(t.Context(), inMinutes(), f.options())
	for _, id := range users(800) {
		f.bus.rejects[id] = true
	}
	for _, id := range users(800) {
		item := f.item(id)
		item.Failed = func(*result.Failure) {
			most.Store(max(most.Load(), now.Add(1)))
			for range 10 {
				runtime.Gosched() // to others that may be in here
			}
			now.Add(-1)
			calls.Add(1)
		}
		box.Publish(item)
	}
	box.Close()
	if most.Load() != 1 {
		t.Errorf("%d goroutines at a time", most.Load())
	}
	if calls.Load() != 800 {
		t.Errorf("called for %d results before Close returned, want 800", calls.Load())
	}
}
