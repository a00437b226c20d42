package handler_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

var _ handler.Refresher = (*refresh.Refresher)(nil)

// refresher records what it is asked for. Each refresh succeeds unless its user is in fails.
type refresher struct {
	fails    map[string]*result.Failure
	status   int  // that Junction answers with; 0 is 200
	panics   bool // with "a payload"
	inFlight bool // another instance is refreshing every user

	team      []string // the users of the team; "" is one without a connected source
	listFails error

	mu    sync.Mutex
	asked []refresh.Request
	pages [][2]int // the offset and limit of each page that was listed
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
	if r.inFlight {
		out = result.FromInFlight(id)
	}
	if f := r.fails[id]; f != nil {
		out = result.FromFailure(id, f)
	}
	out.RequestID, out.RequestedTimeoutSeconds = request.RequestID, request.Timeout
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

// Users lists a page of the team.
func (r *refresher) Users(_ context.Context, _ refresh.Budget, offset, limit int) (result.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, [2]int{offset, limit})
	if r.listFails != nil {
		return result.Page{}, r.listFails
	}
	page := result.Page{Total: len(r.team)}
	for _, id := range r.team[min(offset, len(r.team)):min(offset+limit, len(r.team))] {
		if id != "" {
			page.UserIDs = append(page.UserIDs, id)
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

// queue keeps what it is sent and told.
type queue struct {
	err    error // of every method
	panics bool  // with "a payload"

	mu      sync.Mutex
	sent    []handler.Message
	delays  []handler.Delay
	deleted []string // receipt handles
}

func (q *queue) Send(_ context.Context, messages []handler.Message) error {
	if q.panics {
		panic("a payload")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.sent = append(q.sent, messages...)
	}
	return q.err
}

func (q *queue) Delay(_ context.Context, delays []handler.Delay) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.delays = append(q.delays, delays...)
	return q.err
}

func (q *queue) DeleteMessages(_ context.Context, receiptHandles []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = append(q.deleted, receiptHandles...)
	return q.err
}

// bodies returns the documents on the queue.
func (q *queue) bodies() (all []string) {
	for _, m := range q.sent {
		all = append(all, m.Body)
	}
	return all
}

// deletedSoFar returns the receipt handles of the messages that were deleted until now.
func (q *queue) deletedSoFar() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.deleted)
}

// bus keeps what is published, takes its time, and rejects the results of some users.
type bus struct {
	takes   time.Duration
	rejects map[string]bool
	panics  bool // with "a payload"

	mu     sync.Mutex
	events []outbox.Event
}

func (b *bus) Publish(ctx context.Context, events []outbox.Event) []error {
	if b.panics {
		panic("a payload")
	}
	select {
	case <-time.After(b.takes):
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	errs := make([]error, len(events))
	for i, e := range events {
		switch {
		case ctx.Err() != nil:
			errs[i] = ctx.Err()
		case b.rejects[e.Result.UserID]:
			errs[i] = errors.New("EventBridge rejects a result: InternalFailure")
		default:
			b.events = append(b.events, e)
		}
	}
	return errs
}

// deliveries remembers answers, and can fail.
type deliveries struct {
	answers map[string][]byte
	err     error // of both methods
}

func newDeliveries() *deliveries { return &deliveries{answers: map[string][]byte{}} }

func (d *deliveries) Answer(_ context.Context, id string) ([]byte, error) {
	return d.answers[id], d.err
}

func (d *deliveries) Remember(_ context.Context, id string, answer []byte) error {
	if d.err == nil {
		d.answers[id] = answer
	}
	return d.err
}
