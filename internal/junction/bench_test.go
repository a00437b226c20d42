package junction_test

import (
	"net/http/httptest"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// BenchmarkRefresh includes the stand-in for Junction, and no TLS.
func BenchmarkRefresh(b *testing.B) {
	server := httptest.NewServer(answer(200, `{"success":true,"user_id":"`+user+`","refreshed_sources":["withings/body","withings/sleep"],"in_progress_sources":[],"failed_sources":["oura/sleep"]}`))
	defer server.Close()
	c := junction.New(junction.Options{BaseURL: server.URL})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Refresh(b.Context(), sensitive.New(key), user, 30); err != nil {
			b.Fatal(err)
		}
	}
}
