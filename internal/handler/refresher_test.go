package handler_test

import (
	"context"
	"net/http"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

var _ handler.Refresher = (*refresh.Refresher)(nil)

// refresher records what it is asked for. Each refresh succeeds unless its user is in fails.
type refresher struct {
	fails    map[string]*result.Failure
	status   int      // that Junction answers with; 0 is 200
	running  []string // sources of every user that are still running after the refresh
	panics   bool     // with "a payload"
	inFlight bool     // another instance is refreshing every user
	age      *int     // of a stored result that answers every refresh, in seconds

	pauses      []time.Duration // before each look; none follows nothing up
	endsAt      int             // the look that finds all sources refreshed; 0 is the first
	panicAtLook bool            // with "a payload"

	state      result.State
	stateFails error

	team      []result.User // the users of the team; one without an ID has no connected source
	listFails error

	mu     sync.Mutex
	asked  []refresh.Request
	looked []look
	states []string // the users whose state was asked for
	pages  [][2]int // the offset and limit of each page that was listed
}

// look is a look that was asked for.
type look struct {
	FollowUp  result.FollowUp
	RequestID string
}

func (r *refresher) refresh(request refresh.Request) result.Result {
	if r.panics {
		panic("a payload")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, request)
	id := request.UserID
	if id == "" {
		id = other // whom every client_user_id resolves to
	}
	out := result.From(id, result.Answer{Status: max(r.status, 200), Refreshed: []string{"withings/body"}})
	if r.running != nil {
		out = result.From(id, result.Answer{Status: http.StatusAccepted, Refreshed: []string{"withings/body"}, InProgress: r.running})
		out.StartedAt = time.Now()
	}
	if r.inFlight {
		out = result.FromInFlight(id)
	}
	if f := r.fails[id]; f != nil {
		out = result.FromFailure(id, f)
	}
	if r.age != nil {
		out.Coalesced, out.AgeSeconds = true, r.age
	}
	out.RequestID, out.ClientUserID, out.RequestedTimeoutSeconds = request.RequestID, request.ClientUserID, request.Timeout
	return out
}

// All hands over the last result first: nothing may rely on the order.
func (r *refresher) All(_ context.Context, requests []refresh.Request, each func(int, result.Result)) {
	outs := make([]result.Result, len(requests))
	for i, request := range requests {
		outs[i] = r.refresh(request)
	}
	for i, out := range slices.Backward(outs) {
		each(i, out)
	}
}

// FirstLook is due after the first pause.
func (r *refresher) FirstLook(out result.Result) *refresh.Look {
	f := out.FollowUp()
	if f == nil || len(r.pauses) == 0 {
		return nil
	}
	return &refresh.Look{FollowUp: *f, After: r.pauses[0]}
}

// Look finds every source still running, or from a certain look on all of them refreshed.
func (r *refresher) Look(_ context.Context, f result.FollowUp, requestID string, _ refresh.Budget) (*refresh.Look, result.Result) {
	if r.panicAtLook {
		panic("a payload")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = append(r.looked, look{f, requestID})
	f.Looks++
	switch {
	case f.Looks >= r.endsAt:
		f.Refreshed, f.InProgress = append(f.Refreshed, f.InProgress...), nil
	case f.Looks < len(r.pauses):
		return &refresh.Look{FollowUp: f, After: r.pauses[f.Looks]}, result.Result{}
	}
	end := f.Result()
	end.RequestID = requestID
	return nil, end
}

func (r *refresher) State(_ context.Context, userID string) (result.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = append(r.states, userID)
	return r.state, r.stateFails
}

// Users lists a page of the team.
func (r *refresher) Users(_ context.Context, _ refresh.Budget, offset, limit int) (result.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, [2]int{offset, limit})
	if r.listFails != nil {
		return result.Page{}, r.listFails
	}
	page := result.Page{Total: len(r.team)}
	for _, user := range r.team[min(offset, len(r.team)):min(offset+limit, len(r.team))] {
		if user.ID != "" {
			page.Users = append(page.Users, user)
		}
	}
	return page, nil
}

// timedRefresher hands over each result at a time of its own, in the order of the requests.
type timedRefresher struct {
	refresher
	at []time.Duration // since All was called
}

func (r *timedRefresher) All(_ context.Context, requests []refresh.Request, each func(int, result.Result)) {
	began := time.Now()
	for i, request := range requests {
		time.Sleep(time.Until(began.Add(r.at[i])))
		each(i, r.refresh(request))
	}
}

// slowLister takes 15 s for a page of users, which then fails. It notes when refreshes begin.
type slowLister struct {
	refresher
	refreshing time.Time
}

func (r *slowLister) All(ctx context.Context, requests []refresh.Request, each func(int, result.Result)) {
	r.refreshing = time.Now()
	r.refresher.All(ctx, requests, each)
}

func (*slowLister) Users(context.Context, refresh.Budget, int, int) (result.Page, error) {
	time.Sleep(15 * time.Second)
	return result.Page{}, result.Fail(result.UpstreamTimeout, "x")
}

// gcReader notes the garbage collector's GOGC during each refresh.
type gcReader struct {
	refresher
	percents []uint64
}

func (r *gcReader) All(ctx context.Context, requests []refresh.Request, each func(int, result.Result)) {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	r.percents = append(r.percents, sample[0].Value.Uint64())
	r.refresher.All(ctx, requests, each)
}
