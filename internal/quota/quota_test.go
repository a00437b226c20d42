package quota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

const user = "1449752e-0d8a-40e0-9206-91ab099b2537"

// engine is the DynamoDB of this test process: one, started when it is first needed.
var engine = struct {
	sync.Once
	endpoint string
	stop     func()
	err      error
}{}

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

// counting counts the round trips to a table.
type counting struct {
	*aws.Client
	trips atomic.Int64
}

func (c *counting) UpdateItem(ctx context.Context, in *aws.UpdateItemInput, o ...func(*aws.Options)) (*aws.UpdateItemOutput, error) {
	c.trips.Add(1)
	return c.Client.UpdateItem(ctx, in, o...)
}

var tables atomic.Int64

// newDynamo returns a gate with a table of its own.
func newDynamo(t testing.TB, rules Rules, c *clock) (*Dynamo, *counting) {
	t.Helper()
	client := &counting{Client: dynamodb.Client(endpoint(t))}
	name := fmt.Sprintf("table-%d-%d", os.Getpid(), tables.Add(1))
	if err := dynamodb.CreateTable(context.Background(), client.Client, name); err != nil {
		t.Fatal(err)
	}
	d := NewDynamo(rules, func() (Table, error) { return client, nil }, name)
	d.now = c.now
	d.ask, d.tell = 10*time.Second, 10*time.Second // a busy machine must not be taken for a table out of reach
	return d, client
}

// stores are the gates that obey the same rules, and how much later than to the letter they let a
// call in.
func stores(t *testing.T, rules Rules, test func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration)) {
	t.Run("in memory", func(t *testing.T) {
		c := newClock()
		m := NewMemory(rules)
		m.now = c.now
		test(t, m, c, 0)
	})
	t.Run("in DynamoDB", func(t *testing.T) {
		c := newClock()
		d, _ := newDynamo(t, rules, c)
		test(t, d, c, skew)
	})
}

var hour = Rules{Limit: 8, Window: time.Hour, Coalesce: time.Minute}

func enter(t testing.TB, gate refresh.Gate, userID string, until time.Time) refresh.Decision {
	t.Helper()
	d, err := gate.Enter(context.Background(), userID, until)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	success = result.From(user, result.Answer{Status: 202, Refreshed: []string{"withings/body"}})
	failure = result.FromFailure(user, result.Fail(result.UpstreamUnavailable, "x"))
)

// again asks for another call of a lease.
func again(t testing.TB, lease refresh.Lease, until time.Time) bool {
	t.Helper()
	ok, err := lease.Again(context.Background(), until)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// refreshed makes a refresh and says whether it was granted.
func refreshed(t testing.TB, gate refresh.Gate, c *clock, out result.Result) bool {
	t.Helper()
	d := enter(t, gate, user, c.after(time.Minute))
	if d.Lease == nil {
		return false
	}
	if err := d.Lease.Done(context.Background(), out, nil); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestEightCallsAnHourAndTheNinthWaitsForTheFirstToLeaveTheWindow(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		for i := range 8 {
			if !refreshed(t, gate, c, failure) {
				t.Fatalf("call %d is not granted", i+1)
			}
			c.add(2 * time.Minute)
		}
		d := enter(t, gate, user, c.after(time.Minute))
		if want := time.Hour - 16*time.Minute + late; d.Lease != nil || d.RetryAfter != want {
			t.Errorf("%+v, want to wait %v", d, want)
		}
		c.add(d.RetryAfter - time.Millisecond)
		if refreshed(t, gate, c, failure) {
			t.Error("granted a millisecond too early")
		}
		c.add(time.Millisecond)
		if !refreshed(t, gate, c, failure) || refreshed(t, gate, c, failure) {
			t.Error("not exactly one is granted when the first has left the window")
		}
	})
}

func TestASuccessIsTheResultForOneMinuteAndAFailureNever(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, failure)
		if !refreshed(t, gate, c, success) {
			t.Fatal("a failure was coalesced")
		}
		c.add(time.Minute - time.Millisecond)
		d := enter(t, gate, user, c.after(time.Minute))
		if d.Kind != refresh.Coalesced || d.Result.Status != result.InProgress || d.Result.RefreshedSources[0] != "withings/body" {
			t.Errorf("%+v", d)
		}
		c.add(time.Millisecond)
		if !refreshed(t, gate, c, success) {
			t.Error("coalesced after a minute")
		}
	})
}

func TestWhileOneRefreshesAUserTheOthersAreToldSo(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		first := enter(t, gate, user, c.after(30*time.Second))
		if d := enter(t, gate, user, c.after(30*time.Second)); d.Kind != refresh.InFlight || d.Lease != nil {
			t.Errorf("%+v", d)
		}
		if d := enter(t, gate, "another user", c.after(30*time.Second)); d.Lease == nil {
			t.Errorf("another user: %+v", d)
		}
		if err := first.Lease.Done(t.Context(), failure, nil); err != nil || !refreshed(t, gate, c, failure) {
			t.Errorf("the lease did not end: %v", err)
		}
	})
}

func TestALeaseEndsByItselfWhenItsInstanceDies(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		dead := enter(t, gate, user, c.after(30*time.Second))
		c.add(30*time.Second - time.Millisecond)
		if d := enter(t, gate, user, c.after(time.Second)); d.Kind != refresh.InFlight {
			t.Errorf("%+v", d)
		}
		c.add(time.Millisecond)
		alive := enter(t, gate, user, c.after(30*time.Second))
		if alive.Lease == nil {
			t.Fatalf("%+v", alive)
		}
		// The dead one was only slow: it may neither call again nor end the other's lease.
		if again(t, dead.Lease, c.after(time.Second)) {
			t.Error("a lost lease allows another call")
		}
		if err := dead.Lease.Done(t.Context(), success, nil); err != nil {
			t.Error(err)
		}
		if d := enter(t, gate, user, c.after(time.Second)); d.Kind != refresh.InFlight {
			t.Errorf("a lost lease ended another one: %+v", d)
		}
	})
}

func TestEachAttemptCountsAndExtendsTheLease(t *testing.T) {
	stores(t, Rules{Limit: 3, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, user, c.after(10*time.Second))
		c.add(5 * time.Second)
		if !again(t, d.Lease, c.after(10*time.Second)) {
			t.Fatal("the second attempt is refused")
		}
		c.add(9 * time.Second)
		if other := enter(t, gate, user, c.after(time.Second)); other.Kind != refresh.InFlight {
			t.Errorf("the lease was not extended: %+v", other)
		}
		if !again(t, d.Lease, c.after(10*time.Second)) || again(t, d.Lease, c.after(10*time.Second)) {
			t.Error("not exactly three attempts are allowed")
		}
		if err := d.Lease.Done(t.Context(), failure, nil); err != nil {
			t.Fatal(err)
		}
		if d := enter(t, gate, user, c.after(time.Second)); d.RetryAfter <= 0 {
			t.Errorf("%+v", d)
		}
	})
}

func TestARetryAfterALongPauseIsCountedWhileNobodyElseHasTheUser(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, user, c.after(11*time.Second))
		c.add(15 * time.Second)
		if !again(t, d.Lease, c.after(10*time.Second)) {
			t.Error("the retry is refused though the lease is nobody else's")
		}
		if other := enter(t, gate, user, c.after(time.Second)); other.Kind != refresh.InFlight {
			t.Errorf("%+v", other)
		}
	})
}

func TestCallsThatNeverLeftAreGivenBack(t *testing.T) {
	stores(t, Rules{Limit: 3, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, late time.Duration) {
		for range 20 {
			d := enter(t, gate, user, c.after(time.Second))
			if d.Lease == nil || !again(t, d.Lease, c.after(time.Second)) {
				t.Fatalf("%+v", d)
			}
			if err := d.Lease.Done(t.Context(), failure, []refresh.Call{refresh.NotSent, refresh.NotSent}); err != nil {
				t.Fatal(err)
			}
		}
		d := enter(t, gate, user, c.after(time.Second))
		c.add(time.Minute)
		again(t, d.Lease, c.after(time.Second))
		if err := d.Lease.Done(t.Context(), failure, []refresh.Call{refresh.NotSent, refresh.Sent}); err != nil { // the older one never left
			t.Fatal(err)
		}
		for range 2 {
			refreshed(t, gate, c, failure)
		}
		if d := enter(t, gate, user, c.after(time.Second)); d.RetryAfter != time.Hour+late {
			t.Errorf("%+v", d)
		}
	})
}

func TestALoweredLimitHoldsAtOnce(t *testing.T) {
	c := newClock()
	before, table := newDynamo(t, Rules{Limit: 200, Window: time.Hour}, c)
	for range 150 {
		refreshed(t, before, c, failure)
	}
	c.add(2 * time.Hour)
	after := NewDynamo(hour, func() (Table, error) { return table, nil }, before.name)
	after.now, after.ask, after.tell = c.now, before.ask, before.tell
	if !refreshed(t, after, c, failure) {
		t.Error("calls that left the window long ago stand in the way")
	}
}

func TestA429WithRetryAfterClosesTheUserUntilThen(t *testing.T) {
	limited := func(wait time.Duration) result.Result {
		return result.FromFailure(user, &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: wait, UpstreamStatus: 429})
	}
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		refreshed(t, gate, c, limited(10*time.Minute))
		if d := enter(t, gate, user, c.after(time.Second)); d.RetryAfter != 10*time.Minute {
			t.Errorf("%+v", d)
		}
		c.add(10 * time.Minute)
		if !refreshed(t, gate, c, limited(0)) || !refreshed(t, gate, c, failure) {
			t.Error("a 429 that names no time closed the user, or the time was not over")
		}
		refreshed(t, gate, c, limited(1000*time.Hour))
		if d := enter(t, gate, user, c.after(time.Second)); d.RetryAfter != 24*time.Hour {
			t.Errorf("a hostile Retry-After: %+v", d)
		}
	})
}

func TestTheQuotaAndCoalescingAreSwitchedOffEachByItself(t *testing.T) {
	stores(t, Rules{Window: time.Hour, Coalesce: time.Minute}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for range 60 {
			if !refreshed(t, gate, c, failure) {
				t.Fatal("limited without a limit")
			}
		}
		refreshed(t, gate, c, success)
		if d := enter(t, gate, user, c.after(time.Second)); d.Kind != refresh.Coalesced {
			t.Errorf("%+v", d)
		}
	})
	stores(t, Rules{Limit: 8, Window: time.Hour}, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for range 2 {
			if !refreshed(t, gate, c, success) {
				t.Error("coalesced without coalescing")
			}
		}
	})
	if (Rules{Window: time.Hour}).On() || !(Rules{Limit: 1}).On() || !(Rules{Coalesce: 1}).On() {
		t.Error("On is wrong")
	}
}

func TestAUserWhoseInstancesAlwaysDieIsNotLockedOutAndItsItemStaysSmall(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		for i := range 120 {
			if d := enter(t, gate, user, c.after(time.Second)); d.Lease == nil {
				t.Fatalf("call %d: %+v", i, d)
			}
			c.add(10 * time.Minute)
		}
	})
}

func TestAGrantedRefreshTakesTwoRoundTripsAndARefusedOneOne(t *testing.T) {
	c := newClock()
	d, table := newDynamo(t, Rules{Limit: 2, Window: time.Hour, Coalesce: time.Minute}, c)
	trips := func(name string, want int64, f func()) {
		t.Helper()
		before := table.trips.Load()
		if f(); table.trips.Load()-before != want {
			t.Errorf("%s takes %d round trips, want %d", name, table.trips.Load()-before, want)
		}
	}
	trips("a user's first refresh", 2, func() { refreshed(t, d, c, failure) })
	trips("a later one", 2, func() { refreshed(t, d, c, success) })
	trips("a coalesced one", 1, func() { refreshed(t, d, c, success) })
	c.add(2 * time.Minute)
	trips("a denied one", 1, func() { refreshed(t, d, c, success) })
}

func TestClocksASecondApartExceedNoWindow(t *testing.T) {
	c := newClock()
	rules := Rules{Limit: 8, Window: time.Minute}
	slow, client := newDynamo(t, rules, c)
	fast := NewDynamo(rules, func() (Table, error) { return client, nil }, slow.name)
	fast.ask, fast.tell = slow.ask, slow.tell
	fast.now = func() time.Time { return c.now().Add(time.Second) }
	var calls []time.Time // by the true clock
	for i := range 400 {
		gate := []*Dynamo{slow, fast}[i%2]
		if d := enter(t, gate, user, gate.now().Add(time.Minute)); d.Lease != nil {
			calls = append(calls, c.now())
			_ = d.Lease.Done(t.Context(), failure, nil)
		}
		c.add(500 * time.Millisecond)
	}
	for i := 8; i < len(calls); i++ {
		if calls[i].Sub(calls[i-8]) < time.Minute {
			t.Errorf("nine calls within %v", calls[i].Sub(calls[i-8]))
		}
	}
	if len(calls) < 16 {
		t.Errorf("only %d calls in 200 s", len(calls))
	}
}

func TestATableThatCannotBeAskedCostsAtMost300MillisecondsAndIsAnError(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer hang.Close()
	throttle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`))
	}))
	defer throttle.Close()
	for _, where := range []string{hang.URL, throttle.URL, "http://127.0.0.1:1"} {
		t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", where)
		t.Setenv("AWS_REGION", "us-east-1")
		t.Setenv("AWS_ACCESS_KEY_ID", "test")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
		d := NewDynamo(hour, func() (Table, error) {
			return Client(func() (sdk.Config, error) { return config.LoadDefaultConfig(t.Context()) })()
		}, "t")
		began := time.Now()
		if _, err := d.Enter(t.Context(), user, time.Now().Add(time.Minute)); err == nil {
			t.Error("no error")
		}
		// Not a claim about speed: without the bound a hanging table is waited for without an end.
		if took := time.Since(began); took > 10*tableTimeout {
			t.Errorf("%s: %v", where, took)
		}
		lease := &dynamoLease{Dynamo: d, userID: user, owner: "x"}
		if _, err := lease.Again(t.Context(), time.Now()); err == nil {
			t.Error("no error of another attempt")
		}
		if lease.Done(t.Context(), success, nil) == nil {
			t.Error("a lease that could not be ended is not said so")
		}
	}
	broken := NewDynamo(hour, func() (Table, error) { return nil, errors.New("no client") }, "t")
	if _, err := broken.Enter(t.Context(), user, time.Now()); err == nil {
		t.Error("no error without a client")
	}
}

func TestALeaseOfAUserThatWasForgottenMeanwhileEndsNoOther(t *testing.T) {
	c := newClock()
	m := NewMemory(hour)
	m.now = c.now
	late := enter(t, m, user, c.after(time.Second))
	c.add(3 * time.Hour) // long enough for the user to be dropped
	if enter(t, m, user, c.after(time.Minute)).Lease == nil {
		t.Fatal("not granted")
	}
	if err := late.Lease.Done(t.Context(), failure, nil); err != nil {
		t.Fatal(err)
	}
	if d := enter(t, m, user, c.after(time.Minute)); d.Kind != refresh.InFlight {
		t.Errorf("%+v", d)
	}
}

func TestAResultThatCameLateIsKeptForItsMinute(t *testing.T) {
	stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
		d := enter(t, gate, user, c.after(time.Second))
		c.add(2 * time.Hour)
		if err := d.Lease.Done(t.Context(), success, nil); err != nil {
			t.Fatal(err)
		}
		if d := enter(t, gate, user, c.after(time.Second)); d.Kind != refresh.Coalesced {
			t.Errorf("%+v", d)
		}
	})
}

func TestTheMemoryOfAnInstanceIsBounded(t *testing.T) {
	c := newClock()
	m := NewMemory(hour)
	m.now = c.now
	for i := range maxUsers + 500 {
		d := enter(t, m, fmt.Sprint(i), c.after(time.Second))
		_ = d.Lease.Done(t.Context(), failure, nil)
	}
	if len(m.users) > maxUsers {
		t.Errorf("%d users", len(m.users))
	}
	c.add(3 * time.Hour)
	enter(t, m, user, c.after(time.Second))
	if len(m.users) != 1 {
		t.Errorf("%d users after all were done with", len(m.users))
	}
}

// The window, the lease and coalescing against a model that keeps every call for ever.
func TestTheRulesAgainstAModel(t *testing.T) {
	check := func(t *rapid.T, gate refresh.Gate, c *clock, rules Rules, late time.Duration) {
		var calls []int64
		var fresh, leaseUntil int64
		var lease refresh.Lease
		window := (rules.Window + late).Milliseconds()
		open := func() bool {
			recent := 0
			for _, at := range calls {
				if at > c.ms.Load()-window {
					recent++
				}
			}
			return rules.Limit == 0 || recent < rules.Limit
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { c.add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond) },
			"enter": func(t *rapid.T) {
				now := c.ms.Load()
				until := now + int64(rapid.IntRange(1, 20_000).Draw(t, "lease"))
				d, err := gate.Enter(context.Background(), user, time.UnixMilli(until))
				if err != nil {
					t.Fatal(err)
				}
				isFresh := rules.Coalesce > 0 && fresh > 0 && fresh > now-rules.Coalesce.Milliseconds()
				switch {
				case isFresh != (d.Kind == refresh.Coalesced), !isFresh && (leaseUntil > now) != (d.Kind == refresh.InFlight):
					t.Fatalf("%+v; fresh %v, leased %v", d, isFresh, leaseUntil > now)
				case isFresh || leaseUntil > now:
				case open() != (d.Lease != nil), d.Lease == nil && d.RetryAfter <= 0:
					t.Fatalf("%+v; open %v", d, open())
				case d.Lease != nil:
					lease, leaseUntil, calls = d.Lease, until, append(calls, now)
				}
			},
			"again": func(t *rapid.T) {
				now := c.ms.Load()
				if lease == nil || leaseUntil <= now {
					return
				}
				want := open()
				if ok, err := lease.Again(context.Background(), time.UnixMilli(now+10_000)); ok != want || err != nil {
					t.Fatalf("again is %v %v, want %v", ok, err, want)
				}
				if want {
					leaseUntil, calls = now+10_000, append(calls, now)
				}
			},
			"done": func(t *rapid.T) {
				if lease == nil {
					return
				}
				out := failure
				if rapid.Bool().Draw(t, "success") {
					out = success
				}
				if err := lease.Done(context.Background(), out, nil); err != nil {
					t.Fatal(err)
				}
				if out.Success && rules.Coalesce > 0 {
					fresh = c.ms.Load()
				}
				lease, leaseUntil = nil, 0
			},
		})
	}
	draw := func(t *rapid.T) Rules {
		return Rules{
			Limit: rapid.IntRange(0, 4).Draw(t, "limit"), Window: time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second,
			Coalesce: time.Duration(rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "coalesce")) * time.Second,
		}
	}
	t.Run("in memory", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			rules, c := draw(t), newClock()
			m := NewMemory(rules)
			m.now = c.now
			check(t, m, c, rules, 0)
		})
	})
	t.Run("in DynamoDB", func(t *testing.T) {
		endpoint(t)
		rapid.Check(t, func(r *rapid.T) {
			rules, c := draw(r), newClock()
			d, _ := newDynamo(t, rules, c)
			check(r, d, c, rules, skew)
		})
	})
}

func TestATableIsWarmedWithoutAnybodyWaiting(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("X-Amz-Target") }))
	defer server.Close()
	client := dynamodb.Client(server.URL)
	NewDynamo(hour, func() (Table, error) { return client, nil }, "t").Warm()
	if target := <-asked; !strings.HasSuffix(target, ".GetItem") {
		t.Error(target)
	}
	NewDynamo(hour, func() (Table, error) { return nil, errors.New("no client") }, "t").Warm()
}
