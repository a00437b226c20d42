package quota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// endsTable is a table whose BatchExecuteStatement may be another than DynamoDB's.
type endsTable struct {
	*countingTable
	execute func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) // nil is DynamoDB's

	mu       sync.Mutex
	together []int // the number of statements in each call
}

func (e *endsTable) BatchExecuteStatement(ctx context.Context, in *aws.BatchExecuteStatementInput, o ...func(*aws.Options)) (*aws.BatchExecuteStatementOutput, error) {
	e.mu.Lock()
	e.together = append(e.together, len(in.Statements))
	e.mu.Unlock()
	if e.execute != nil {
		return e.execute(in)
	}
	return e.countingTable.BatchExecuteStatement(ctx, in, o...)
}

// since returns the calls since it was called last: the number of statements in each, and the number of other writes.
func (e *endsTable) since() (together []int, alone int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	together, e.together = e.together, nil
	return together, int(e.trips.Swap(0))
}

// newEnds returns a gate with a table of its own.
func newEnds(t *testing.T) (*Dynamo, *endsTable, *clock) {
	t.Helper()
	c := newClock()
	d, dynamo := newDynamo(t, hour, c)
	table := &endsTable{countingTable: dynamo}
	d.table = func() (Table, error) { return table, nil }
	return d, table, c
}

// granted enters users whose refreshes can wait.
func granted(t *testing.T, d *Dynamo, users int) (leases []refresh.Lease) {
	t.Helper()
	for n := range users {
		decision := enterEntry(t, d, refresh.Entry{UserID: userNumber(n), Until: d.now().Add(time.Minute), CanWait: true})
		want(t, decision, refresh.Granted)
		leases = append(leases, decision.Lease)
	}
	return leases
}

func userNumber(n int) string { return fmt.Sprintf("user %d", n) }

// endAll ends leases at once, each with its result.
func endAll(t *testing.T, leases []refresh.Lease, out func(n int) (result.Result, []refresh.Call)) {
	t.Helper()
	var group sync.WaitGroup
	for n, lease := range leases {
		group.Go(func() {
			out, calls := out(n)
			if err := lease.Done(context.Background(), out, calls); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func succeeded(n int) (result.Result, []refresh.Call) {
	return result.From(userNumber(n), result.Answer{Status: 200, Refreshed: []string{"withings/body"}}), []refresh.Call{refresh.Sent}
}

// endings are the kinds of ends that a lease can have.
var endings = []struct {
	out   result.Result
	calls []refresh.Call
}{
	{success, []refresh.Call{refresh.Sent}},
	{failure, []refresh.Call{refresh.Sent}},
	{failure, []refresh.Call{refresh.NotSent}},
	{result.FromFailure(user, &result.Failure{Code: result.RateLimited, Message: "x", UpstreamStatus: 429, RetryAfter: time.Minute}), []refresh.Call{refresh.Sent}},
}

func TestEndsThatAreWrittenTogetherAreThoseThatAreWrittenAlone(t *testing.T) {
	d, table, _ := newEnds(t)
	leases := granted(t, d, len(endings))
	table.since()
	endAll(t, leases, func(n int) (result.Result, []refresh.Call) { return endings[n].out, endings[n].calls })
	if together, alone := table.since(); alone != 0 || len(together) != 1 {
		t.Errorf("%v ends were written together, and %d alone", together, alone)
	}
	for n, end := range endings {
		d := enterUser(t, d, userNumber(n+len(endings)), d.now().Add(time.Minute))
		done(t, d.Lease, end.out, end.calls...)
	}
	if together, _ := table.since(); len(together) != 0 {
		t.Errorf("%v ends of refreshes that cannot wait were written together", together)
	}
	for n := range endings {
		one, other := itemOfNumber(t, d, n), itemOfNumber(t, d, n+len(endings))
		if diff := cmp.Diff(one, other, cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberL{})); diff != "" {
			t.Errorf("ending %d: together - and alone +:\n%s", n, diff)
		}
	}
}

// itemOfNumber returns the item of a user, without its key.
func itemOfNumber(t *testing.T, d *Dynamo, n int) map[string]types.AttributeValue {
	t.Helper()
	table, err := d.table()
	if err != nil {
		t.Fatal(err)
	}
	out, err := table.GetItem(t.Context(), &aws.GetItemInput{TableName: &d.name, Key: key("user#" + userNumber(n))})
	if err != nil || out.Item == nil {
		t.Fatalf("no item (%v)", err)
	}
	delete(out.Item, "pk")
	return out.Item
}

func TestEndsAreWritten25PerCallAndNobodyWaitsForOneThatCannotCome(t *testing.T) {
	d, table, _ := newEnds(t)
	leases := granted(t, d, 2*maxEnds+1)
	table.since()
	endAll(t, leases, succeeded)
	together, alone := table.since()
	if diff := cmp.Diff([]int{maxEnds, maxEnds}, together); diff != "" || alone != 1 {
		t.Errorf("%d ends are written alone, and together (-want +got):\n%s", alone, diff)
	}
	for n := range leases {
		want(t, enterUser(t, d, userNumber(n), d.now().Add(time.Minute)), refresh.Coalesced)
	}
}

func TestAnEndWaitsBrieflyForOneThatMayCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDynamo(hour, func() (Table, error) { return &slowTable{}, nil }, "t")
		leases := granted(t, d, 2)
		began := time.Now()
		done(t, leases[0], success)
		if took := time.Since(began); took != endsWait {
			t.Errorf("the first end took %v, want %v", took, endsWait)
		}
		began = time.Now()
		done(t, leases[1], success)
		if took := time.Since(began); took != 0 {
			t.Errorf("the last end took %v, want no wait", took)
		}
	})
}

func TestALostLeaseIsNotEndedTogetherWithOthers(t *testing.T) {
	d, table, c := newEnds(t)
	leases := granted(t, d, 2)
	c.add(2 * time.Minute)
	want(t, enterUser(t, d, userNumber(0), c.after(time.Minute)), refresh.Granted) // by another instance
	table.since()
	endAll(t, leases, succeeded)
	if together, alone := table.since(); alone != 0 || len(together) != 1 {
		t.Errorf("%v ends were written together, and %d alone", together, alone)
	}
	want(t, enterUser(t, d, userNumber(0), c.after(time.Minute)), refresh.InFlight)
	want(t, enterUser(t, d, userNumber(1), c.after(time.Minute)), refresh.Coalesced)
}

func TestWhatACallForSeveralEndsDoesNotSettleIsWrittenAlone(t *testing.T) {
	throttled := types.BatchStatementResponse{Error: &types.BatchStatementError{Code: types.BatchStatementErrorCodeEnumThrottlingError}}
	for name, execute := range map[string]func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error){
		"it is denied": func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) {
			return nil, errors.New("AccessDeniedException")
		},
		"its answer is empty": func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) {
			return &aws.BatchExecuteStatementOutput{}, nil
		},
		"all are throttled": func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) {
			return &aws.BatchExecuteStatementOutput{Responses: []types.BatchStatementResponse{throttled, throttled, throttled}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, table, _ := newEnds(t)
			table.execute = execute
			leases := granted(t, d, 3)
			table.since()
			endAll(t, leases, succeeded)
			if together, alone := table.since(); alone != 3 || len(together) != 1 {
				t.Errorf("%v ends were written together, and %d alone, want 3", together, alone)
			}
			for n := range leases {
				want(t, enterUser(t, d, userNumber(n), d.now().Add(time.Minute)), refresh.Coalesced)
			}
		})
	}
	t.Run("one is throttled", func(t *testing.T) {
		d, table, _ := newEnds(t)
		table.execute = func(in *aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) {
			first := *in
			first.Statements = in.Statements[:1]
			out, err := table.countingTable.BatchExecuteStatement(context.Background(), &first)
			return &aws.BatchExecuteStatementOutput{Responses: append(out.Responses, throttled)}, err
		}
		leases := granted(t, d, 2)
		table.since()
		endAll(t, leases, succeeded)
		if together, alone := table.since(); alone != 1 || len(together) != 1 {
			t.Errorf("%v ends were written together, and %d alone, want 1", together, alone)
		}
		for n := range leases {
			want(t, enterUser(t, d, userNumber(n), d.now().Add(time.Minute)), refresh.Coalesced)
		}
	})
}

func TestAnEndThatCannotBeWrittenIsAnError(t *testing.T) {
	d, table, _ := newEnds(t)
	leases := granted(t, d, 2)
	down := errors.New("down")
	table.execute = func(*aws.BatchExecuteStatementInput) (*aws.BatchExecuteStatementOutput, error) { return nil, down }
	d.table = func() (Table, error) { return nil, down }
	var group sync.WaitGroup
	for _, lease := range leases {
		group.Go(func() {
			if err := lease.Done(context.Background(), success, []refresh.Call{refresh.Sent}); !errors.Is(err, down) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	group.Wait()
}

func TestACallForSeveralEndsIsNotRepeated(t *testing.T) {
	var calls, alone atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".BatchExecuteStatement") {
			calls.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		alone.Add(1)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	client := dynamodb.Client(server.URL)
	d := sharing(client, "t", hour, time.Now)
	leases := granted(t, d, 2)
	endAll(t, leases, succeeded)
	if calls.Load() != 1 || alone.Load() != 2+2 {
		t.Errorf("%d calls for several ends and %d others, want 1 and 4", calls.Load(), alone.Load())
	}
}
