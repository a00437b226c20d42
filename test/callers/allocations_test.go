//go:build !race

package callers

import (
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// The race detector allocates too. The times are in bench/webhook.
func TestVerifyingAWebhookAllocatesLittle(t *testing.T) {
	const most = 20
	body := []byte(strings.Repeat("x", 2<<10))
	guard := auth.New([]string{"signature", "token"}, secret.New(secret.Static(sensitive.New(harness.CallersSecret)), time.Hour))
	for _, prefix := range []string{"Webhook-", "Svix-"} {
		t.Run(prefix, func(t *testing.T) {
			call := auth.Call{
				Header: signedHeader(t, prefix, time.Now(), string(body)), Webhook: true,
				Body: func() ([]byte, error) { return body, nil },
			}
			allocations := testing.AllocsPerRun(100, func() {
				if _, err := guard.Admit(t.Context(), call); err != nil {
					t.Error(err)
				}
			})
			if allocations > most {
				t.Errorf("%v allocations, want at most %d", allocations, most)
			}
		})
	}
}
