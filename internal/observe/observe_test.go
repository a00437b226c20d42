package observe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestEveryObserverIsToldTheSame(t *testing.T) {
	want := []string{
		"Refreshed request-1 partial",
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
