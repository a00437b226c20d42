package quota

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

const (
	timeout = 5800 * time.Millisecond // of an invocation, of which Junction gets 5 s
	lease   = timeout - 500*time.Millisecond
	slowest = 300 * time.Millisecond // Junction's answer
	late    = 3 * time.Second        // for starting a process and asking again
)

func TestKilledInstancesReleaseTheUserAndKeepTheQuota(t *testing.T) {
	env := environ()
	maps.Copy(env, map[string]string{"TIMEOUT_HEADROOM": "0s"})
	f := harness.NewFleet(t, timeout, env)
	ctx, cancel := context.WithTimeout(t.Context(), duration(t))
	defer cancel()
	k := &killer{fleet: f}
	f.Junction.InjectWhen(func(*http.Request) bool { return true }, junctiontest.Always, k.fault(ctx, t))
	k.background.Go(func() { watchLease(ctx, t, f) })
	seen := load(ctx, t, f)
	k.background.Wait()

	calls := checkQuota(t, f, seen)
	checkNotLockedLongerThanTheLease(t, calls)
	t.Logf("%d processes were killed", k.kills.Load())
	if k.kills.Load() == 0 || len(calls) < 4 {
		t.Errorf("%d calls and %d kills are too few to prove anything", len(calls), k.kills.Load())
	}
}

// killer kills processes that call Junction.
type killer struct {
	fleet      *harness.Fleet
	background sync.WaitGroup
	kills      atomic.Int64
}

// fault kills the process that made the call, for a third of the calls, and starts it again: mostly before Junction
// has answered, sometimes between the answer and the table.
func (k *killer) fault(ctx context.Context, t *testing.T) junctiontest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get(junctiontest.KeyHeader)
			for i, m := range k.fleet.Members {
				if harness.MemberKey(i) == key && rand.IntN(3) == 0 && ctx.Err() == nil {
					k.background.Go(func() { k.kill(t, m) })
				}
			}
			junctiontest.Latency(time.Duration(rand.Int64N(int64(slowest))))(next).ServeHTTP(w, r)
		})
	}
}

func (k *killer) kill(t *testing.T, m *harness.Worker) {
	time.Sleep(time.Duration(rand.Int64N(int64(slowest * 5 / 4))))
	m.Kill()
	k.kills.Add(1)
	if err := m.Start(); err != nil {
		t.Error(err)
	}
}

// checkNotLockedLongerThanTheLease checks that each call follows soon after the lease of the one before and the quota
// allow it.
func checkNotLockedLongerThanTheLease(t *testing.T, calls []time.Time) {
	t.Helper()
	for i := 1; i < len(calls); i++ {
		free := calls[i-1].Add(lease)
		if i >= limit && calls[i-limit].Add(tableWindow).After(free) {
			free = calls[i-limit].Add(tableWindow)
		}
		if locked := calls[i].Sub(free); locked > late {
			t.Errorf("after call %d the user was locked %v longer than the lease and the quota allow", i, locked)
		}
	}
}

// watchLease reads the user's item until ctx ends: no lease may end later than the call that it is for.
func watchLease(ctx context.Context, t *testing.T, f *harness.Fleet) {
	client := dynamodb.Client(f.Endpoint)
	for ; ctx.Err() == nil; harness.Pause(ctx, 50*time.Millisecond) {
		out, err := client.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: &f.Table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "user#" + junctiontest.CompletedUserID},
		}})
		now := time.Now()
		if err != nil {
			continue
		}
		if until, ok := out.Item["lease_until"].(*types.AttributeValueMemberN); ok {
			ms, _ := strconv.ParseInt(until.Value, 10, 64)
			if left := time.UnixMilli(ms).Sub(now); left > lease {
				t.Errorf("the lease lasts %v more, want at most %v", left, lease)
			}
		}
	}
}
