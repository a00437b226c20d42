package refresh_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	user      = "1449752e-0d8a-40e0-9206-91ab099b2537"
	otherUser = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"
)

// options keep 2 s of an invocation free.
var options = refresh.Options{Headroom: 2 * time.Second}

// reply answers one refresh call.
type reply func(ctx context.Context) (result.Answer, error)

var (
	unavailable  = result.Fail(result.UpstreamUnavailable, "x")
	unauthorized = result.Fail(result.UpstreamUnauthorized, "x")
)

func succeed(context.Context) (result.Answer, error) {
	return result.Answer{Status: 200, Refreshed: []string{"withings/body"}}, nil
}

func fail(f *result.Failure) reply {
	return func(context.Context) (result.Answer, error) { return result.Answer{}, f }
}

// failAfter fails as unavailable after some time.
func failAfter(d time.Duration) reply {
	return func(context.Context) (result.Answer, error) {
		time.Sleep(d)
		return result.Answer{}, unavailable
	}
}

// hang waits until the call is cut off.
func hang(ctx context.Context) (result.Answer, error) {
	<-ctx.Done()
	return result.Answer{}, result.Fail(result.UpstreamTimeout, "Junction did not answer in time")
}

// upstream answers each refresh call with the next of its replies, and with the last one for ever. It
// records all calls.
type upstream struct {
	replies []reply
	resolve func(ctx context.Context, clientUserID string) (string, error)
	list    func(ctx context.Context, offset, limit int) (result.Page, error)

	lastAttempts func(ctx context.Context) ([]result.Attempt, error)
	connections  func(ctx context.Context) ([]result.Connection, error)

	mu       sync.Mutex
	timeouts []float64 // of the refresh calls
	at       []time.Time
	keys     []string // of the refresh calls, the pages, the looks and the explanations
	resolves int
	lists    int
	looks    int // at the last attempts
	explains int // at the connections
}

func newUpstream(replies ...reply) *upstream { return &upstream{replies: replies} }

func (u *upstream) Refresh(ctx context.Context, key sensitive.String, _ string, timeout float64) (result.Answer, error) {
	u.mu.Lock()
	next := u.replies[min(len(u.timeouts), len(u.replies)-1)]
	u.timeouts, u.keys, u.at = append(u.timeouts, timeout), append(u.keys, key.Reveal()), append(u.at, time.Now())
	u.mu.Unlock()
	return next(ctx)
}

// unusable is a key that Check refuses.
const unusable = "for another environment"

func (*upstream) Check(key sensitive.String) error {
	if key.Reveal() == unusable {
		return result.Fail(result.Misconfigured, "x")
	}
	return nil
}

func (u *upstream) Resolve(ctx context.Context, _ sensitive.String, clientUserID string) (string, error) {
	u.mu.Lock()
	u.resolves++
	u.mu.Unlock()
	return u.resolve(ctx, clientUserID)
}

func (u *upstream) List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error) {
	u.mu.Lock()
	u.lists++
	u.keys = append(u.keys, key.Reveal())
	u.mu.Unlock()
	return u.list(ctx, offset, limit)
}

func (u *upstream) LastAttempts(ctx context.Context, key sensitive.String, userID string) ([]result.Attempt, error) {
	u.mu.Lock()
	u.looks++
	u.keys, u.at = append(u.keys, key.Reveal()), append(u.at, time.Now())
	u.mu.Unlock()
	if userID != user {
		return nil, result.Fail(result.UserNotFound, "x")
	}
	return u.lastAttempts(ctx)
}

func (u *upstream) Connections(ctx context.Context, key sensitive.String, userID string) ([]result.Connection, error) {
	u.mu.Lock()
	u.explains++
	u.keys = append(u.keys, key.Reveal())
	u.mu.Unlock()
	if userID != user {
		return nil, result.Fail(result.UserNotFound, "x")
	}
	return u.connections(ctx)
}

// wantCalls checks how many refresh calls were made.
func (u *upstream) wantCalls(t *testing.T, want int) {
	t.Helper()
	if got := len(u.timeouts); got != want {
		t.Errorf("%d calls to Junction, want %d", got, want)
	}
}

// wantLookUps checks how often a user was resolved.
func (u *upstream) wantLookUps(t *testing.T, want int) {
	t.Helper()
	if u.resolves != want {
		t.Errorf("%d look-ups, want %d", u.resolves, want)
	}
}

// keys provides one key, and another once it was renewed.
type keys struct {
	key, renewed     string
	keyErr, renewErr error
	renewals         int
}

func goodKey() *keys { return &keys{key: "k"} }

func (k *keys) Key(context.Context) (sensitive.String, error) { return sensitive.New(k.key), k.keyErr }

func (k *keys) Renew(context.Context, sensitive.String) (sensitive.String, error) {
	k.renewals++
	return sensitive.New(k.renewed), k.renewErr
}

// gate answers every refresh the same, and records what it was asked and told. It is the lease, too.
type gate struct {
	decision refresh.Decision
	more     int // how many more calls the lease allows

	enterTakes time.Duration

	enterErr, againErr, doneErr, settleErr, stateErr error

	state result.State

	leases  []time.Duration // how long each lease was asked for
	maxAges []*time.Duration
	done    []result.Result
	calls   []refresh.Call
	settled []result.Result
}

// granting returns a gate that grants every refresh, with so many further calls.
func granting(more int) *gate {
	g := &gate{more: more}
	g.decision.Lease = g
	return g
}

func (g *gate) Enter(_ context.Context, entry refresh.Entry) (refresh.Decision, error) {
	g.leases, g.maxAges = append(g.leases, time.Until(entry.Until)), append(g.maxAges, entry.MaxAge)
	time.Sleep(g.enterTakes)
	return g.decision, g.enterErr
}

func (g *gate) Again(context.Context, time.Time) (bool, error) {
	g.more--
	return g.more >= 0, g.againErr
}

func (g *gate) Done(_ context.Context, out result.Result, calls []refresh.Call) error {
	g.done, g.calls = append(g.done, out), calls
	return g.doneErr
}

func (g *gate) Settle(_ context.Context, out result.Result) error {
	g.settled = append(g.settled, out)
	return g.settleErr
}

func (g *gate) State(context.Context, string) (result.State, error) { return g.state, g.stateErr }

// request returns a request that Lambda ends after some time, and whose caller waits for some time.
func request(lambda, caller time.Duration, timeout float64) refresh.Request {
	now := time.Now()
	return refresh.Request{UserID: user, Timeout: timeout, RequestID: "r", Budget: refresh.NewBudget(now, now.Add(lambda), caller)}
}

// usual returns a request with plenty of time.
func usual() refresh.Request { return request(90*time.Second, 0, 10) }

// ofClientUser returns a request that names its user by the app's own ID.
func ofClientUser() refresh.Request {
	r := usual()
	r.UserID, r.ClientUserID = "", "app-user-42"
	return r
}

// wantSuccess checks that a refresh succeeded after so many attempts.
func wantSuccess(t *testing.T, got result.Result, attempts int) {
	t.Helper()
	if !got.Success {
		t.Errorf("it failed: %s: %s", got.ErrorCode, got.Error)
	}
	if got.Attempts != attempts {
		t.Errorf("%d attempts, want %d", got.Attempts, attempts)
	}
}

// wantFailure checks that a refresh failed with a code after so many attempts.
func wantFailure(t *testing.T, got result.Result, code result.Code, attempts int) {
	t.Helper()
	if got.ErrorCode != code {
		t.Errorf("the code is %q, want %s", got.ErrorCode, code)
	}
	if got.Attempts != attempts {
		t.Errorf("%d attempts, want %d", got.Attempts, attempts)
	}
}
