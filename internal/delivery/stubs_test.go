package delivery

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// engine is the DynamoDB of this test process, started when it is first needed.
var engine struct {
	sync.Once
	client *aws.Client
	stop   func()
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if engine.stop != nil {
		engine.stop()
	}
	os.Exit(code)
}

// newDynamo returns a memory in a table of its own.
func newDynamo(t *testing.T) *Dynamo {
	t.Helper()
	engine.Do(func() {
		var endpoint string
		if endpoint, engine.stop, engine.err = dynamodb.Start(); engine.err == nil {
			engine.client = dynamodb.Client(endpoint)
			engine.err = dynamodb.CreateTable(context.Background(), engine.client, "deliveries")
		}
	})
	if engine.err != nil {
		if os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" {
			t.Fatal(engine.err)
		}
		t.Skip(engine.err, "; `make test` installs one")
	}
	d := NewDynamo(func() (Table, error) { return engine.client, nil }, "deliveries")
	d.readTimeout, d.writeTimeout = 10*time.Second, 10*time.Second // a busy machine is not an unreachable table
	return d
}

// memory is what both stores implement: handler.Deliveries.
type memory interface {
	Answer(context.Context, string) ([]byte, error)
	Remember(context.Context, string, []byte) error
}

// stores runs a test with each store, and with a clock that it can move.
func stores(t *testing.T, test func(t *testing.T, m memory, clock *time.Time)) {
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	t.Run("memory", func(t *testing.T) {
		m, clock := NewMemory(), clock
		m.now = func() time.Time { return clock }
		test(t, m, &clock)
	})
	t.Run("DynamoDB", func(t *testing.T) {
		d, clock := newDynamo(t), clock
		d.now = func() time.Time { return clock }
		test(t, d, &clock)
	})
}
