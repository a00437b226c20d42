package publish_test

import "testing"

// BenchmarkPublish publishes ten results in one call. It includes the stand-in for EventBridge, and no TLS.
func BenchmarkPublish(b *testing.B) {
	bus, _ := serve(b)
	ten := events(10)
	b.ReportAllocs()
	for b.Loop() {
		if failed := failed(bus.Publish(b.Context(), ten)); len(failed) > 0 {
			b.Fatal("results were not published")
		}
	}
}
