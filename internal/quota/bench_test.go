package quota

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// BenchmarkDynamo is the two writes of a refresh that is granted. It includes the stand-in for DynamoDB, and no TLS.
func BenchmarkDynamo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer server.Close()
	client := dynamodb.Client(server.URL)
	d := NewDynamo(Rules{Limit: 8, Window: time.Hour, Coalesce: time.Minute}, func() (Table, error) { return client, nil }, "t")
	b.ReportAllocs()
	for b.Loop() {
		decision, err := d.Enter(b.Context(), refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute), CanWait: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := decision.Lease.Done(b.Context(), success, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStored encodes and decodes the stored result of a user with 30 sources.
func BenchmarkStored(b *testing.B) {
	var sources []string
	for i := range 30 {
		sources = append(sources, fmt.Sprintf("provider-%d/resource_%d", i/10, i%10))
	}
	rules, out := Rules{Coalesce: time.Minute}, result.From(user, result.Answer{Status: 200, Refreshed: sources})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := decode(rules.encode(out), user, out.RequestID); !ok {
			b.Fatal("the stored result cannot be read")
		}
	}
}
