package result_test

import (
	"encoding/json"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// BenchmarkResult makes the result of a user with 30 sources from Junction's answer, and encodes it.
func BenchmarkResult(b *testing.B) {
	a := result.Answer{Status: 200, Refreshed: numbered(30)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(result.From("1449752e-0d8a-40e0-9206-91ab099b2537", a)); err != nil {
			b.Fatal(err)
		}
	}
}
