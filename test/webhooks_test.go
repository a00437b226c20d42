package test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheJunctionWebhooksInEventsAreAsJunctionsSDKKnowsThem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../events/http-api-junction-webhook*.json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python(t), append([]string{"python/webhooks.py"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	want := []string{"daily.data.sleep.created", "historical.data.workouts.created", "provider.connection.created", "provider.connection.error"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
