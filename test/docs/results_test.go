package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestDocumentedExamplesAreValid(t *testing.T) {
	t.Parallel()
	find := func(t *testing.T, page, has string) []byte {
		t.Helper()
		for _, block := range regexp.MustCompile("(?s)```json\n(.*?)\n```\n").FindAllStringSubmatch(harness.ReadFile(t, page), -1) {
			if strings.Contains(block[1], has) {
				return []byte(block[1])
			}
		}
		t.Fatalf("%s has no example with %s", page, has)
		return nil
	}
	t.Run("the result in README.md", func(t *testing.T) {
		if got := harness.ReadResult(t, find(t, "README.md", `"schema_version"`)); got.Status != "partial" || !got.Final {
			t.Errorf("it is %+v", got)
		}
	})
	t.Run("the connection error in docs/webhooks.md", func(t *testing.T) {
		event := harness.Decode[harness.Event](t, find(t, "docs/webhooks.md", harness.ConnectionErrorEvent))
		if got := harness.ReadConnectionError(t, event.Detail); got.Provider == "" {
			t.Errorf("it is %+v", got)
		}
	})
}
