package observe_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestEveryObserverIsToldTheSame(t *testing.T) {
	want := []string{
		"Refreshed request-1 partial",
		"Looked request-1 " + user + " 2",
		"Settled request-1 partial",
		"Queued request-1 1001 3",
		"PublishFailed request-1 " + user + " publish_failed",
		"Invoked request-1 internal",
	}
	for name, recorders := range map[string][]*recorder{"one": {{}}, "two": {{}, {}}} {
		t.Run(name, func(t *testing.T) {
			var observers []observe.Observer
			for _, r := range recorders {
				observers = append(observers, r)
			}
			all := observe.All(observers)
			all.Refreshed(t.Context(), origin, completed())
			all.Looked(t.Context(), origin, followUp())
			all.Settled(t.Context(), origin, completed())
			all.Queued(t.Context(), origin, 1001, 3)
			all.PublishFailed(t.Context(), origin, completed(), result.Fail(result.PublishFailed, "x"))
			all.Invoked(t.Context(), origin, result.Fail(result.Internal, "x"))
			for i, r := range recorders {
				if diff := cmp.Diff(want, r.told); diff != "" {
					t.Errorf("observer %d is told otherwise (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// onlyResults observes nothing but results.
type onlyResults struct {
	observe.Nop
	results int
}

func (o *onlyResults) Refreshed(context.Context, observe.Origin, result.Result) { o.results++ }

func TestAnObserverOfSomeEventsIsNopForTheRest(t *testing.T) {
	o := &onlyResults{}
	for _, each := range []observe.Observer{o, observe.Nop{}} {
		each.Refreshed(t.Context(), origin, completed())
		each.Looked(t.Context(), origin, followUp())
		each.Settled(t.Context(), origin, completed())
		each.Queued(t.Context(), origin, 1001, 3)
		each.PublishFailed(t.Context(), origin, completed(), result.Fail(result.PublishFailed, "x"))
		each.Invoked(t.Context(), origin, nil)
	}
	if o.results != 1 {
		t.Errorf("%d results are observed, want 1", o.results)
	}
}
