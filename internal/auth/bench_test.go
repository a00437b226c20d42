package auth_test

import (
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
)

func BenchmarkSignature(b *testing.B) {
	g := auth.New([]string{"signature"}, twoOfEach(b))
	call := webhook(sign(b, "Svix-", second, time.Now(), body))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Admit(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}
