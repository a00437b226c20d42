package handler_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
)

// BenchmarkInvoke is what an invocation costs beside its refreshes: the event is recognised and decoded, each result
// is logged, and the answer is encoded.
func BenchmarkInvoke(b *testing.B) {
	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = userDocument
	}
	for name, event := range map[string]string{"direct": userDocument, "SQS batch of 100": awstest.SQSBatch(hundred...)} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(slog.NewJSONHandler(io.Discard, nil))
			f := newFunction(func(o *handler.Options) { o.Observer, o.Log = observe.NewLog(log), log })
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Invoke(b.Context(), []byte(event)); err != nil {
					b.Fatal(err)
				}
				f.refresher.asked = nil
			}
		})
	}
}
