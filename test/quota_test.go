package test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aws_dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/dynamodb"
)

// These tests are in real time, and alone in it: none is parallel.

const (
	quotaLimit  = 8
	quotaWindow = 6 * time.Second
	// tableWindow is the window that the table keeps to: longer by what clocks may be apart.
	tableWindow = quotaWindow + time.Second

	callers = 50 // at once, an instance
	// pause is the mean pause of a caller between two refreshes. It keeps an engine that shares two cores
	// with everything else within the 300 ms that the function gives it.
	pause = 1500 * time.Millisecond
)

func quotaEnvironment() map[string]string {
	return map[string]string{
		"QUOTA_LIMIT": strconv.Itoa(quotaLimit), "QUOTA_WINDOW": quotaWindow.String(), "COALESCE_WINDOW": "0s", "MAX_ATTEMPTS": "1",
	}
}

// ask lets every caller of every member ask for one user's refresh, again and again, until ctx ends.
// It returns how many answers of which kind there were, by the answer's status or Lambda error.
func (f *fleet) ask(ctx context.Context, t *testing.T) map[string]int {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	var asking sync.WaitGroup
	for _, m := range f.members {
		for range callers {
			asking.Go(func() {
				for ctx.Err() == nil {
					wait(ctx, time.Duration(rand.Int64N(int64(2*pause))))
					answer, ok := m.invoke(`{"user_id":"` + junctiontest.CompletedUserID + `","timeout":5}`)
					if !ok {
						continue
					}
					got := decode[struct{ Status, ErrorType string }](t, answer)
					mu.Lock()
					seen[got.Status+got.ErrorType]++
					mu.Unlock()
				}
			})
		}
	}
	asking.Wait()
	return seen
}

func total(seen map[string]int) (all int) {
	for _, n := range seen {
		all += n
	}
	return all
}

// keptTheQuota checks that no window has a call too many, beyond those that were made without asking.
func keptTheQuota(t *testing.T, calls, ungated []time.Time, seen map[string]int) {
	t.Helper()
	const logged = 2 * time.Second // how much later than its call a refresh may be logged
	for first, end := 0, 0; first < len(calls); first++ {
		for end < len(calls) && calls[end].Sub(calls[first]) < quotaWindow {
			end++
		}
		allowed := quotaLimit
		for _, at := range ungated {
			if at.After(calls[first]) && at.Before(calls[end-1].Add(logged)) {
				allowed++
			}
		}
		if n := end - first; n > allowed {
			t.Errorf("%d calls within %v, want at most %d", n, calls[end-1].Sub(calls[first]), allowed)
		}
	}
	all := total(seen)
	if len(ungated) > all/4 {
		t.Errorf("for %d of %d refreshes the table did not answer in time", len(ungated), all)
	}
}

func TestNeverMoreThanEightCallsInAnyWindowHoweverManyAskAndThenEightMore(t *testing.T) {
	env := quotaEnvironment()
	env["MAX_ATTEMPTS"] = "3"
	f := newFleet(t, 20*time.Second, env)
	ctx, cancel := context.WithTimeout(t.Context(), lasting(t))
	defer cancel()
	f.junction.InjectWhen(func(*http.Request) bool { return rand.IntN(3) == 0 }, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	seen := f.ask(ctx, t)
	calls, ungated := f.calls(), f.ungated()
	t.Logf("%d calls for the answers %v; %d ungated", len(calls), seen, len(ungated))
	keptTheQuota(t, calls, ungated, seen)
	// Eight at once, and eight more each time that those have left the window; the last may be under way.
	windows := 1 + int((lasting(t)-4*time.Second)/(tableWindow+time.Second))
	if least := windows * quotaLimit; len(calls) < least {
		t.Errorf("%d calls in %v, want at least %d: the quota is not used", len(calls), lasting(t), least)
	}
	// A third of the calls fails and is made again, as far as the quota goes.
	failed := seen["UpstreamUnavailable"]
	if seen["completed"] == 0 || seen["completed"]+failed >= len(calls) || seen["in_progress"] == 0 || seen["RateLimited"] == 0 ||
		seen["completed"]+failed+seen["in_progress"]+seen["RateLimited"] != total(seen) {
		t.Errorf("%d calls, and the answers %v", len(calls), seen)
	}
}

func TestInstancesThatAreKilledLockNoUserLongerThanTheLeaseAndExceedNoBudget(t *testing.T) {
	const (
		timeout = 5800 * time.Millisecond // of an invocation, of which Junction gets 5 s
		lease   = timeout - 500*time.Millisecond
		slowest = 300 * time.Millisecond // Junction's answer
		late    = 3 * time.Second        // what starting a process and asking again may take here
	)
	env := quotaEnvironment()
	maps.Copy(env, map[string]string{"TIMEOUT_HEADROOM": "0s"})
	f := newFleet(t, timeout, env)
	ctx, cancel := context.WithTimeout(t.Context(), lasting(t))
	defer cancel()

	// A third of the calls costs the process that made it its life: mostly before Junction has answered,
	// at times between the answer and the table.
	var background sync.WaitGroup
	var kills atomic.Int64
	f.junction.InjectWhen(func(*http.Request) bool { return true }, junctiontest.Always, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get(junctiontest.KeyHeader)
			for _, m := range f.members {
				if m.key == key && rand.IntN(3) == 0 && ctx.Err() == nil {
					background.Go(func() {
						time.Sleep(time.Duration(rand.Int64N(int64(slowest * 5 / 4))))
						m.kill()
						kills.Add(1)
						if err := m.start(); err != nil {
							t.Error(err)
						}
					})
				}
			}
			junctiontest.Latency(time.Duration(rand.Int64N(int64(slowest))))(next).ServeHTTP(w, r)
		})
	})
	background.Go(func() { f.watchLease(ctx, t, lease) })
	seen := f.ask(ctx, t)
	background.Wait()

	calls, ungated := f.calls(), f.ungated()
	t.Logf("%d calls, %d of whose processes were killed, for the answers %v; %d ungated", len(calls), kills.Load(), seen, len(ungated))
	keptTheQuota(t, calls, ungated, seen)
	for i := 1; i < len(calls); i++ {
		free := calls[i-1].Add(lease)
		if i >= quotaLimit && calls[i-quotaLimit].Add(tableWindow).After(free) {
			free = calls[i-quotaLimit].Add(tableWindow)
		}
		if locked := calls[i].Sub(free); locked > late {
			t.Errorf("after call %d the user was locked %v longer than the lease and the quota say", i, locked)
		}
	}
	if kills.Load() == 0 || len(calls) < 4 {
		t.Errorf("%d calls and %d kills show nothing", len(calls), kills.Load())
	}
}

// watchLease looks at the user's item until ctx ends: no lease may end later than the call it is for.
func (f *fleet) watchLease(ctx context.Context, t *testing.T, longest time.Duration) {
	client := dynamodb.Client(f.endpoint)
	for ctx.Err() == nil {
		out, err := client.GetItem(ctx, &aws_dynamodb.GetItemInput{TableName: &f.table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "user#" + junctiontest.CompletedUserID},
		}})
		now := time.Now()
		if err == nil {
			if until, ok := out.Item["lease_until"].(*types.AttributeValueMemberN); ok {
				ms, _ := strconv.ParseInt(until.Value, 10, 64)
				if left := time.UnixMilli(ms).Sub(now); left > longest {
					t.Errorf("the lease goes on for %v", left)
				}
			}
		}
		wait(ctx, 50*time.Millisecond)
	}
}

// delivery is a webhook as an HTTP API hands it on.
func delivery(id string) string {
	return `{"version":"2.0","rawPath":"/webhooks","headers":{"webhook-id":"` + id + `"},
		"requestContext":{"http":{"method":"POST","path":"/webhooks"}},
		"body":"{\"user_id\":\"` + junctiontest.CompletedUserID + `\"}"}`
}

func TestAThousandWebhooksForOneUserAreOneCallAndEachIsAnswered(t *testing.T) {
	const webhooks, within = 1000, 8 * time.Second
	f := newFleet(t, 20*time.Second, nil)
	f.junction.InjectFor(junctiontest.CompletedUserID, junctiontest.Always, junctiontest.Latency(time.Second))

	// deliver sends all of them, spread over a time, and returns the answers.
	deliver := func(within time.Duration) [webhooks][]byte {
		var answers [webhooks][]byte
		var sending sync.WaitGroup
		for i := range webhooks {
			sending.Go(func() {
				time.Sleep(time.Duration(rand.Int64N(int64(within))))
				answers[i], _ = f.members[rand.IntN(instances)].invoke(delivery(fmt.Sprintf("msg_%d", i)))
			})
		}
		sending.Wait()
		return answers
	}
	began := time.Now()
	first := deliver(within)
	took, ungated := time.Since(began), len(f.ungated())
	if took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	settled, seen := map[int]bool{}, map[string]int{}
	for i, answer := range first {
		response := decode[struct {
			StatusCode int
			Body       string
		}](t, answer)
		got := decode[struct {
			Success   bool
			Status    string
			Coalesced bool
		}](t, []byte(response.Body))
		if !got.Success || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
			t.Errorf("webhook %d is answered %s", i, answer)
		}
		settled[i] = response.StatusCode == http.StatusOK
		seen[fmt.Sprintf("%d %s coalesced=%t", response.StatusCode, got.Status, got.Coalesced)]++
	}
	t.Logf("%d calls for %v in %v; %d ungated", f.junction.Total(), seen, took, ungated)
	if f.junction.Total() != 1+ungated {
		t.Errorf("%d calls (%d ungated)", f.junction.Total(), ungated)
	}

	different := 0
	for i, answer := range deliver(within) {
		switch {
		case settled[i] && !bytes.Equal(answer, first[i]):
			if different++; different == 1 {
				t.Logf("webhook %d is answered %s the second time, and was %s", i, answer, first[i])
			}
		case !settled[i] && !bytes.Contains(answer, []byte(`\"coalesced\":true`)) && f.forgotten() == 0:
			t.Errorf("webhook %d, in flight the first time, is answered %s", i, answer)
		}
	}
	if lost := f.forgotten(); different > lost {
		t.Errorf("%d webhooks are answered differently the second time, and %d were lost", different, lost)
	}
	if again := len(f.ungated()); f.junction.Total() != 1+again {
		t.Errorf("%d calls after the second time (%d ungated)", f.junction.Total(), again)
	}
}

func TestWithoutTheTableTheRefreshIsMadeAndTheLogSaysSo(t *testing.T) {
	t.Parallel()
	mute, _ := silent(t)
	for says, endpoint := range map[string]string{
		"a table that refuses connections": "http://" + must(t)(freeAddress()),
		"a table that never answers":       mute,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			junction := newJunction(t)
			function := startLambda(t, 90, newSecret(t, teamKey).environment(), map[string]string{
				"JUNCTION_BASE_URL": junction.URL, "QUOTA_TABLE": "junction", "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
				"QUOTA_LIMIT": "8", "COALESCE_WINDOW": "60s",
			})
			for range 2 {
				got := readResult(t, httpBody(t, function.invoke(t, httpEvent(junctiontest.CompletedUserID)), http.StatusOK))
				if !got.Success || got.Attempts != 1 {
					t.Errorf("got %+v", got)
				}
			}
			lines := function.logged(t, "refresh")
			if len(lines) != 2 || len(junction.sent()) != 2 {
				t.Errorf("%d log lines and the calls %q", len(lines), junction.sent())
			}
			for _, line := range lines {
				if cause, _ := line["quota_error"].(string); cause == "" || line["level"] != "WARN" {
					t.Errorf("the log says %v", line)
				}
			}
		})
	}
}
