package docs

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestJunctionWebhookEventsMatchTheSDK(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(harness.Path("events/http-api-junction-webhook*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), harness.Python(t), append([]string{harness.Path("test/python/webhooks.py")}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	want := []string{"daily.data.sleep.created", "historical.data.workouts.created", "provider.connection.created", "provider.connection.error"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event types differ (-want +got):\n%s", diff)
	}
}
