package callers

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// refusal is the part of an answer that must be the same for everybody who is refused.
type refusal struct {
	Status int
	Header http.Header
	Body   map[string]any
}

func refusalOf(t *testing.T, got harness.Response) refusal {
	t.Helper()
	harness.ReadResult(t, []byte(got.Body))
	body := harness.Decode[map[string]any](t, []byte(got.Body))
	for _, differs := range []string{"request_id", "completed_at", "duration_ms"} {
		delete(body, differs)
	}
	return refusal{got.Status, got.Header, body}
}

// checkForgeriesAreRefused checks that a genuine signature is let in, and that every forgery is refused in the same
// way as a request without any header.
func checkForgeriesAreRefused(t *testing.T, post harness.Post, canBeSent func(http.Header) bool) {
	t.Helper()
	const body = harness.IgnoredWebhook
	if got := post(t, "/webhooks", signedHeader(t, "Svix-", time.Now(), body), body); got.Status != http.StatusOK {
		t.Fatalf("a genuine signature is answered %d %s", got.Status, got.Body)
	}
	want := refusalOf(t, post(t, "/webhooks", http.Header{}, body))
	cases := forgeries(t)
	maps.DeleteFunc(cases, func(_ string, header http.Header) bool { return !canBeSent(header) })
	if len(cases) < 40 {
		t.Errorf("%d header sets, want at least 40", len(cases))
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			got := post(t, "/webhooks", cases[name], body)
			if got.Status != http.StatusUnauthorized {
				t.Fatalf("status is %d, want 401: %s", got.Status, got.Body)
			}
			if diff := cmp.Diff(want, refusalOf(t, got)); diff != "" {
				t.Errorf("it is refused in another way than others (-want +got):\n%s", diff)
			}
		})
	}
}
