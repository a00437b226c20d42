//go:build !race

package test

import (
	"strings"
	"testing"
	"time"

	keys "github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
	"github.com/junction-refresh/junction-refresh/internal/auth"
)

// The race detector allocates too. The times are in bench/webhook.
func TestVerifyingAWebhookOfTwoKilobytesAllocatesLittle(t *testing.T) {
	body := []byte(strings.Repeat("x", 2<<10))
	guard := auth.New([]string{"signature", "token"}, keys.New(keys.Static(sensitive.New(callerBundle)), time.Hour))
	for _, family := range []string{"Webhook-", "Svix-"} {
		call := auth.Call{
			Header: signedHeader(t, family, callerSecret, time.Now(), string(body)), Webhook: true,
			Body: func() ([]byte, error) { return body, nil },
		}
		allocations := testing.AllocsPerRun(100, func() {
			if _, err := guard.Admit(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
		if allocations > 20 {
			t.Errorf("%s: %v allocations, want 20 at most", family, allocations)
		}
	}
}
