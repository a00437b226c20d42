package quota

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// late is a gate behind a proxy that holds its first write.
type late struct {
	*Dynamo
	clock   *clock
	release func()        // lets the first write, or its answer, go on
	written chan struct{} // has an element for each write that DynamoDB has answered
	direct  *Dynamo       // another instance, without the proxy
}

// newLate returns a gate whose first write is held before DynamoDB has it, or whose first answer is held.
func newLate(t *testing.T, beforeTheWrite bool) late {
	t.Helper()
	c := newClock()
	direct, _ := newDynamo(t, hour, c)
	hold := make(chan struct{})
	l := late{clock: c, release: sync.OnceFunc(func() { close(hold) }), written: make(chan struct{}, 100), direct: direct}
	var requests atomic.Int64
	target := endpoint(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		first := requests.Add(1) == 1
		if first && beforeTheWrite {
			<-hold
		}
		// The client may be gone: the write is made nevertheless.
		forward, _ := http.NewRequestWithContext(context.Background(), r.Method, target+r.URL.Path, bytes.NewReader(body))
		forward.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(forward)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer func() { _ = resp.Body.Close() }()
		answer, _ := io.ReadAll(resp.Body)
		l.written <- struct{}{}
		if first && !beforeTheWrite {
			<-hold
		}
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(l.release)
	client := dynamodb.Client(server.URL)
	l.Dynamo = NewDynamo(hour, func() (Table, error) { return client, nil }, direct.name)
	l.now, l.ask, l.tell = c.now, 50*time.Millisecond, 50*time.Millisecond
	return l
}

// enterLate asks for a refresh, and is not answered in time.
func (l late) enterLate(t *testing.T) refresh.Lease {
	t.Helper()
	d, err := l.Enter(t.Context(), refresh.Entry{UserID: user, Until: l.clock.after(time.Minute)})
	if err == nil {
		t.Fatalf("the decision is %+v, want an error", d)
	}
	if d.Lease == nil {
		t.Fatal("nobody keeps the lease that the table may yet grant")
	}
	return d.Lease
}

// bothWays runs a test with a table that is late with the write, and with one that is late with the answer.
func bothWays(t *testing.T, test func(t *testing.T, l late)) {
	for name, beforeTheWrite := range map[string]bool{"delayed before the write": true, "delayed after the write": false} {
		t.Run(name, func(t *testing.T) { test(t, newLate(t, beforeTheWrite)) })
	}
}

func TestALeaseThatIsGrantedLateIsEndedWithItsResult(t *testing.T) {
	bothWays(t, func(t *testing.T, l late) {
		lease := l.enterLate(t)
		l.release()
		l.tell = 10 * time.Second
		if err := lease.Done(t.Context(), success, []refresh.Call{refresh.Sent}); err != nil {
			t.Fatal(err)
		}
		if d := enterUser(t, l.direct, user, l.clock.after(time.Minute)); d.Kind != refresh.Coalesced {
			t.Errorf("the next decision is %+v, want coalesced", d)
		}
		if n := len(read(itemOf(t, l.direct, dynamodb.Client(endpoint(t)))).calls); n != 1 {
			t.Errorf("one call counts as %d", n)
		}
	})
}

func TestALeaseThatIsGrantedAfterItsEndIsReleased(t *testing.T) {
	bothWays(t, func(t *testing.T, l late) {
		lease := l.enterLate(t)
		if err := lease.Done(t.Context(), failure, []refresh.Call{refresh.NotSent}); err == nil {
			t.Error("the end is confirmed before the table has answered")
		}
		l.release()
		<-l.written // the grant
		<-l.written // the release
		d := enterUser(t, l.direct, user, l.clock.after(time.Minute))
		if d.Kind != refresh.Granted {
			t.Fatalf("the next decision is %+v, want granted", d)
		}
		if n := len(read(itemOf(t, l.direct, dynamodb.Client(endpoint(t)))).calls); n != 1 {
			t.Errorf("%d calls are counted, want only the last", n)
		}
	})
}

func TestAFurtherCallOfALeaseThatIsGrantedLateIsCounted(t *testing.T) {
	bothWays(t, func(t *testing.T, l late) {
		lease := l.enterLate(t)
		l.release()
		l.ask = 10 * time.Second
		l.clock.add(30 * time.Second)
		if !again(t, lease, l.clock.after(time.Minute)) {
			t.Error("the call is refused")
		}
		l.clock.add(59 * time.Second)
		if d := enterUser(t, l.direct, user, l.clock.after(time.Minute)); d.Kind != refresh.InFlight {
			t.Errorf("during the call the decision is %+v, want in flight", d)
		}
		if n := len(read(itemOf(t, l.direct, dynamodb.Client(endpoint(t)))).calls); n != 2 {
			t.Errorf("two calls count as %d", n)
		}
	})
}

func TestALateRefusalAllowsNoFurtherCallAndEndsNobodysLease(t *testing.T) {
	bothWays(t, func(t *testing.T, l late) {
		enterUser(t, l.direct, user, l.clock.after(time.Minute))
		lease := l.enterLate(t)
		l.release()
		l.ask = 10 * time.Second
		if again(t, lease, l.clock.after(time.Minute)) {
			t.Error("a further call is allowed although another refresh has the user")
		}
		if err := lease.Done(t.Context(), success, []refresh.Call{refresh.Sent}); err != nil {
			t.Error(err)
		}
		if d := enterUser(t, l.direct, user, l.clock.after(time.Minute)); d.Kind != refresh.InFlight {
			t.Errorf("the next decision is %+v, want in flight", d)
		}
	})
}

func TestAFurtherCallIsNotMadeToWaitForATableThatIsStillLate(t *testing.T) {
	l := newLate(t, true)
	lease := l.enterLate(t)
	if allowed, err := lease.Again(t.Context(), l.clock.after(time.Minute)); allowed || err == nil {
		t.Errorf("allowed %t (%v), want an error", allowed, err)
	}
}

func TestWritesThatNobodyWaitsForAreBounded(t *testing.T) {
	l := newLate(t, true)
	for range maxLate {
		l.Dynamo.late <- struct{}{}
	}
	lease := l.enterLate(t).(*dynamoLease)
	<-lease.decided // although the table has not answered
	if lease.err == nil {
		t.Error("one more write than allowed goes on")
	}
}
