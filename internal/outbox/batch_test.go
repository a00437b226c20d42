package outbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// inMinutes is a deadline that these tests do not reach.
func inMinutes() time.Time { return time.Now().Add(10 * time.Minute) }

func TestResultsArePublishedTenPerCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		box := outbox.Open(t.Context(), inMinutes(), f.options())
		began := time.Now()
		for _, id := range users(25) {
			box.Publish(f.item(id))
		}
		synctest.Wait()
		if diff := cmp.Diff([]int{10, 10}, f.bus.sizes()); diff != "" {
			t.Errorf("results per call before the last batch is full (-want +got):\n%s", diff)
		}
		box.Close()
		if diff := cmp.Diff([]int{10, 10, 5}, f.bus.sizes()); diff != "" {
			t.Errorf("results per call (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close waited %v, want no wait for a batch that cannot fill any more", took)
		}
	})
}

func TestAResultWaitsAtMostOneSecondForItsBatchToFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		box := outbox.Open(t.Context(), inMinutes(), f.options())
		began := time.Now()
		for _, id := range users(3) { // at 0 s, 0.7 s and 1.4 s
			box.Publish(f.item(id))
			time.Sleep(700 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		box.Close()
		if diff := cmp.Diff([]int{2, 1}, f.bus.sizes()); diff != "" {
			t.Fatalf("results per call (-want +got):\n%s", diff)
		}
		for i, want := range []time.Duration{time.Second, 2400 * time.Millisecond} {
			if got := f.bus.at[i].Sub(began); got != want {
				t.Errorf("call %d is made after %v, want %v", i, got, want)
			}
		}
	})
}

func TestAtMostEightCallsAreMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.bus.takes = 3 * time.Second
		box := outbox.Open(t.Context(), inMinutes(), f.options())
		began := time.Now()
		for _, id := range users(160) {
			box.Publish(f.item(id))
		}
		box.Close()
		if len(f.bus.batches) != 16 {
			t.Errorf("%d calls for 160 results, want 16", len(f.bus.batches))
		}
		if f.bus.most != 8 {
			t.Errorf("%d calls at once, want 8", f.bus.most)
		}
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("16 calls of 3 s took %v, want 6 s", took)
		}
	})
}

func TestAResultIsPublishedWithTheTraceOfItsOrigin(t *testing.T) {
	f := newFixture()
	item := f.item("user-0")
	box := outbox.Open(t.Context(), inMinutes(), f.options())
	box.Publish(item)
	box.Close()
	want := [][]outbox.Event{{{Result: item.Result, TraceHeader: "Root=1-1-user-0"}}}
	if diff := cmp.Diff(want, f.bus.batches, cmp.AllowUnexported(result.Result{})); diff != "" {
		t.Errorf("another event is published (-want +got):\n%s", diff)
	}
}

func TestOnlyResultsOfRefreshesArePublished(t *testing.T) {
	followed := result.From("user-0", result.Answer{Status: 202, InProgress: []string{"oura/sleep"}})
	followed.Final = false
	for name, c := range map[string]struct {
		out  result.Result
		want int
	}{
		"a completed refresh":                {result.From("user-0", result.Answer{Status: 200}), 1},
		"a refresh that is followed up":      {followed, 1}, // its end is published too
		"a refresh that goes on at Junction": {result.From("user-0", result.Answer{Status: 202}), 1},
		"a failure":                          {result.FromFailure("user-0", result.Fail(result.NoConnectedSources, "x")), 1},
		"a queued refresh":                   {result.FromQueued("user-0"), 0},
		"an ignored event":                   {result.FromIgnored("user-0"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			box := outbox.Open(t.Context(), inMinutes(), f.options())
			item := f.item("user-0")
			item.Result = c.out
			box.Publish(item)
			box.Close()
			if got := len(f.bus.batches); got != c.want {
				t.Errorf("%d calls to the bus, want %d", got, c.want)
			}
		})
	}
}

func TestWithoutABusNothingIsPublished(t *testing.T) {
	f := newFixture()
	box := outbox.Open(t.Context(), inMinutes(), outbox.Options{})
	box.Publish(f.item("user-0"))
	box.Close()
	if len(f.failed) != 0 {
		t.Errorf("results of %q have failed", f.failed)
	}
}
