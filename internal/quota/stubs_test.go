package quota

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"pgregory.net/rapid"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

const user = "1449752e-0d8a-40e0-9206-91ab099b2537"

var (
	hour = Rules{Limit: 8, Window: time.Hour, Coalesce: time.Minute}

	success = result.From(user, result.Answer{Status: 202, Refreshed: []string{"withings/body"}})
	failure = result.FromFailure(user, result.Fail(result.UpstreamUnavailable, "x"))
)

// engine is the DynamoDB of this test process: one, started when it is first needed.
var engine struct {
	sync.Once
	endpoint string
	stop     func()
	err      error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if engine.stop != nil {
		engine.stop()
	}
	os.Exit(code)
}

func endpoint(t testing.TB) string {
	t.Helper()
	engine.Do(func() { engine.endpoint, engine.stop, engine.err = dynamodb.Start() })
	if engine.err != nil {
		if os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" {
			t.Fatal(engine.err)
		}
		t.Skip(engine.err, "; `make test` installs one")
	}
	return engine.endpoint
}

// clock is a time that tests move.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time                  { return time.UnixMilli(c.ms.Load()) }
func (c *clock) add(d time.Duration)             { c.ms.Add(d.Milliseconds()) }
func (c *clock) after(d time.Duration) time.Time { return c.now().Add(d) }

// newMemory returns a gate in memory with a clock.
func newMemory(rules Rules, c *clock) *Memory {
	m := NewMemory(rules)
	m.now = c.now
	return m
}

// countingTable counts the round trips of writes to a table.
type countingTable struct {
	*aws.Client
	trips atomic.Int64
}

func (c *countingTable) UpdateItem(ctx context.Context, in *aws.UpdateItemInput, o ...func(*aws.Options)) (*aws.UpdateItemOutput, error) {
	c.trips.Add(1)
	return c.Client.UpdateItem(ctx, in, o...)
}

var tables atomic.Int64

// newDynamo returns a gate with a table of its own.
func newDynamo(t testing.TB, rules Rules, c *clock) (*Dynamo, *countingTable) {
	t.Helper()
	table := &countingTable{Client: dynamodb.Client(endpoint(t))}
	name := fmt.Sprintf("table-%d-%d", os.Getpid(), tables.Add(1))
	if err := dynamodb.CreateTable(context.Background(), table.Client, name); err != nil {
		t.Fatal(err)
	}
	return sharing(table, name, rules, c.now), table
}

// sharing returns a gate that shares a table with others.
func sharing(table Table, name string, rules Rules, now func() time.Time) *Dynamo {
	d := NewDynamo(rules, func() (Table, error) { return table, nil }, name)
	d.now = now
	d.ask, d.tell, d.ends.wait = 10*time.Second, 10*time.Second, 10*time.Second // a busy machine is not an unreachable table
	return d
}

// stores runs a test with each store. late is how much longer than the window the store counts a call.
func stores(t *testing.T, rules Rules, test func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration)) {
	t.Run("memory", func(t *testing.T) {
		c := newClock()
		test(t, newMemory(rules, c), c, 0)
	})
	t.Run("DynamoDB", func(t *testing.T) {
		c := newClock()
		d, _ := newDynamo(t, rules, c)
		test(t, d, c, skew)
	})
}

// enter asks for a refresh of the user.
func enter(t rapid.TB, gate refresh.Gate, until time.Time) refresh.Decision {
	t.Helper()
	return enterUser(t, gate, user, until)
}

func enterUser(t rapid.TB, gate refresh.Gate, userID string, until time.Time) refresh.Decision {
	t.Helper()
	return enterEntry(t, gate, refresh.Entry{UserID: userID, Until: until})
}

func enterEntry(t rapid.TB, gate refresh.Gate, entry refresh.Entry) refresh.Decision {
	t.Helper()
	d, err := gate.Enter(context.Background(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if (d.Kind == refresh.Granted) != (d.Lease != nil) {
		t.Fatalf("a decision of the kind %d has the lease %v", d.Kind, d.Lease)
	}
	return d
}

// want checks a decision's kind.
func want(t testing.TB, d refresh.Decision, kind refresh.Kind) {
	t.Helper()
	if d.Kind != kind {
		names := []string{"granted", "coalesced", "in flight", "denied"}
		t.Errorf("the refresh is %s, want %s", names[d.Kind], names[kind])
	}
}

// wantDenied checks that a decision denies a refresh for some time.
func wantDenied(t testing.TB, d refresh.Decision, retryAfter time.Duration) {
	t.Helper()
	want(t, d, refresh.Denied)
	if d.RetryAfter != retryAfter {
		t.Errorf("the time to wait is %v, want %v", d.RetryAfter, retryAfter)
	}
}

// again asks for another call of a lease.
func again(t rapid.TB, lease refresh.Lease, until time.Time) bool {
	t.Helper()
	allowed, err := lease.Again(context.Background(), until)
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

// done ends a lease.
func done(t testing.TB, lease refresh.Lease, out result.Result, calls ...refresh.Call) {
	t.Helper()
	if err := lease.Done(context.Background(), out, calls); err != nil {
		t.Fatal(err)
	}
}

// refreshed makes a refresh and reports whether it was granted.
func refreshed(t testing.TB, gate refresh.Gate, c *clock, out result.Result) bool {
	t.Helper()
	d := enter(t, gate, c.after(time.Minute))
	if d.Lease == nil {
		return false
	}
	done(t, d.Lease, out)
	return true
}
