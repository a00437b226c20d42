package handler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/outbox"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// bus keeps what it is given, and refuses the results of users that it refuses.
type bus struct {
	mu      sync.Mutex
	events  []outbox.Event
	calls   []int // how many results each had
	at      []time.Time
	refuses map[string]bool
	wait    time.Duration
	panics  bool
}

func (b *bus) Publish(ctx context.Context, events []outbox.Event) []error {
	if b.panics {
		panic("a payload")
	}
	select {
	case <-time.After(b.wait):
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.at = append(b.calls, len(events)), append(b.at, time.Now())
	faults := make([]error, len(events))
	for i, e := range events {
		switch {
		case ctx.Err() != nil:
			faults[i] = ctx.Err()
		case b.refuses[e.Result.UserID]:
			faults[i] = errors.New("EventBridge refuses a result: InternalFailure")
		default:
			b.events = append(b.events, e)
		}
	}
	return faults
}

func publishing() (function, *bus) {
	b := &bus{refuses: map[string]bool{}}
	return newFunction(func(o *handler.Options) { o.Bus = b }), b
}

func TestFinalResultsOfEventsThatNobodyWaitsForArePublished(t *testing.T) {
	document := `{"user_id":"` + user + `"}`
	envelope := func(detail string) string {
		return `{"detail-type":"x","source":"my.app","detail":` + detail + `}`
	}
	many := `{"user_ids":["` + user + `","` + other + `"]}`
	unavailable, none := result.Fail(result.UpstreamUnavailable, "x"), result.Fail(result.NoConnectedSources, "x")
	for name, c := range map[string]struct {
		event string
		fails *result.Failure // for user
		want  string          // the statuses or codes published, sorted
	}{
		"a direct call":                             {document, nil, "completed"},
		"an EventBridge event":                      {envelope(document), nil, "completed"},
		"a message":                                 {batch(document), nil, "completed"},
		"a message's permanent failure":             {batch(document), none, "no_connected_sources"},
		"an event's permanent failure":              {envelope(document), none, "no_connected_sources"},
		"a message that cannot be read":             {batch(`{`), nil, "invalid_request"},
		"a direct call that cannot be read":         {`{"user_id":"x"}`, nil, "invalid_request"},
		"a message that comes back":                 {batch(document), unavailable, ""},
		"an event that comes back":                  {envelope(document), unavailable, ""},
		"many users, who are returned":              {many, unavailable, "completed upstream_unavailable"},
		"many users of an event that comes back":    {envelope(many), unavailable, "completed"},
		"a batch of several":                        {batch(document, many), none, "completed no_connected_sources no_connected_sources"},
		"an HTTP request, which is answered":        {v2("POST", "/v2/user/refresh/"+user, "", "", gateway), nil, ""},
		"a webhook, which is answered":              {v2("POST", "/webhooks", "", document, gateway), nil, ""},
		"an HTTP request that fails":                {v2("POST", "/webhooks", "", `{`, gateway), nil, ""},
		"the function's own event":                  {`{"detail-type":"x","source":"junction.refresh","detail":{}}`, nil, ""},
		"a message with the function's own event":   {batch(`{"detail-type":"x","source":"junction.refresh","detail":` + document + `}`), nil, ""},
		"a Junction webhook that refreshes nothing": {`{"event_type":"daily.data.x","team_id":"t","user_id":"` + user + `"}`, nil, ""},
		"a message with a webhook for nothing":      {batch(`{"event_type":"daily.data.x","team_id":"t"}`), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, b := publishing()
			if c.fails != nil {
				f.refresher.fails[user] = c.fails
			}
			_, _ = f.invoke(t, c.event)
			var got []string
			for _, e := range b.events {
				word := string(e.Result.Status)
				if e.Result.Status == result.Failed {
					word = string(e.Result.ErrorCode)
				}
				got = append(got, word)
				if e.TraceHeader != trace || e.Result.RequestID != "request-1" {
					t.Errorf("%+v", e)
				}
			}
			if len(got) == 2 && got[0] > got[1] {
				got[0], got[1] = got[1], got[0]
			}
			if len(got) == 3 {
				got = []string{"completed", "no_connected_sources", "no_connected_sources"}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("published %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsQueuedIsNotPublished(t *testing.T) {
	b := &bus{}
	f, q := queueing(func(o *handler.Options) { o.Bus = b })
	for _, event := range []string{`{"user_ids":["` + user + `"]}`, batch(`{"user_ids":["` + user + `"]}`), preferring("respond-async")} {
		if _, err := f.invoke(t, event); err != nil {
			t.Error(err)
		}
	}
	if len(q.sent) != 3 || len(b.calls) != 0 {
		t.Errorf("%d queued, %d published", len(q.sent), len(b.calls))
	}
}

func TestAResultThatCannotBePublishedBringsItsEventBack(t *testing.T) {
	f, b := publishing()
	b.refuses[user] = true
	for _, event := range []string{
		`{"user_id":"` + user + `"}`, `{"detail-type":"x","source":"my.app","detail":{"user_id":"` + user + `"}}`, `{"user_ids":["` + other + `","` + user + `"]}`,
	} {
		_, err := f.invoke(t, event)
		if errorType, message := lambdaError(t, err); errorType != "PublishFailed" || message != "the result could not be published" {
			t.Errorf("%s: %s %s", event, errorType, message)
		}
	}
	b.refuses[""] = true
	_, err := f.invoke(t, `{}`)
	if errorType, _ := lambdaError(t, err); errorType != "PublishFailed" {
		t.Errorf("a refusal: %s", errorType)
	}
	answer, err := f.invoke(t, batch(`{"user_id":"`+user+`"}`, `{"user_id":"`+other+`"}`, `{`))
	if got := failures(t, answer, err); fmt.Sprint(got) != "[m0 m2]" {
		t.Errorf("%q", got)
	}
	if log := f.log.String(); !strings.Contains(log, `"msg":"publish"`) || !strings.Contains(log, `"error_code":"publish_failed"`) || !strings.Contains(log, `"cause":"EventBridge refuses a result: InternalFailure"`) {
		t.Error(log)
	}
}

func TestAMessageWhoseResultIsNotPublishedComesBackWhileItIsStillRemembered(t *testing.T) {
	for received, want := range map[int]time.Duration{1: 15 * time.Second, 2: 30 * time.Second, 3: 0} {
		b := &bus{refuses: map[string]bool{user: true}}
		f, q := queueing(func(o *handler.Options) { o.Bus = b })
		answer, err := f.invoke(t, `{"Records":[`+record("a", `{"user_id":"`+user+`"}`, received)+`]}`)
		if got := failures(t, answer, err); fmt.Sprint(got) != "[a]" {
			t.Errorf("%q", got)
		}
		if want == 0 && len(q.delays) != 0 || want > 0 && (len(q.delays) != 1 || q.delays[0] != handler.Delay{ReceiptHandle: "handle-a", For: want}) {
			t.Errorf("received %d times: %+v", received, q.delays)
		}
	}
}

func TestAPanicOfTheBusBringsTheMessagesBackAndItsPayloadIsNotLogged(t *testing.T) {
	f, b := publishing()
	b.panics = true
	answer, err := f.invoke(t, batch(`{"user_id":"`+user+`"}`))
	if got := failures(t, answer, err); fmt.Sprint(got) != "[m0]" || strings.Contains(f.log.String(), "a payload") {
		t.Errorf("%q\n%s", got, f.log)
	}
}

func TestAMessagesResultHasItsOwnTrace(t *testing.T) {
	f, b := publishing()
	_, _ = f.invoke(t, `{"Records":[`+record("a", `{"user_id":"`+user+`"}`, 1)+`]}`)
	if len(b.events) != 1 || b.events[0].TraceHeader != "Root=1-1-ofa" || !strings.Contains(f.log.String(), `"trace_id":"1-1-ofa"`) {
		t.Errorf("%+v\n%s", b.events, f.log)
	}
}

// slowly hands over results at times of their own.
type slowly struct {
	refresher
	at []time.Duration
}

func (s *slowly) All(_ context.Context, requests []refresh.Request, each func(int, result.Result)) {
	began := time.Now()
	for i, request := range requests {
		time.Sleep(time.Until(began.Add(s.at[i])))
		each(i, result.From(request.UserID, result.Answer{Status: 200}))
	}
}

func TestResultsArePublishedTenAtATimeAndNoneWaitsLongForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{refuses: map[string]bool{}, wait: 10 * time.Millisecond}
		f := newFunction(func(o *handler.Options) { o.Bus = b })
		s := &slowly{}
		var bodies []string
		for i := range 25 { // 12 at once, one every 0.3 s, and a straggler
			bodies = append(bodies, fmt.Sprintf(`{"user_id":"00000000-0000-4000-8000-0000000000%02d"}`, i))
			s.at = append(s.at, time.Duration(max(i-11, 0))*300*time.Millisecond)
		}
		s.at[24] = 50 * time.Second
		f.Handler = handler.New(s, handler.Options{DefaultTimeout: 10, Bus: b, Observer: observe.NewLog(logOf(f.log)), Log: logOf(f.log)})
		began := time.Now()
		answer, err := f.invoke(t, batch(bodies...))
		if got := failures(t, answer, err); len(got) != 0 || len(b.events) != 25 {
			t.Errorf("%q came back, %d published", got, len(b.events))
		}
		for i, at := range b.at {
			if b.calls[i] > 10 {
				t.Errorf("%d at a time", b.calls[i])
			}
			if i < len(b.at)-1 && at.Sub(began) > 6*time.Second {
				t.Errorf("call %d after %v", i, at.Sub(began))
			}
		}
	})
}

func TestAMessageWhoseResultIsPublishedIsDeletedWhileItsBatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, q := &bus{refuses: map[string]bool{other: true}}, &queue{err: errors.New("ReceiptHandleIsInvalid")}
		s := &slowly{at: []time.Duration{0, 0, 30 * time.Second}}
		f := newFunction()
		f.Handler = handler.New(s, handler.Options{DefaultTimeout: 10, Bus: b, Queue: q, Observer: observe.NewLog(logOf(f.log)), Log: logOf(f.log)})
		var deleted []string
		go func() {
			time.Sleep(20 * time.Second)
			q.mu.Lock()
			defer q.mu.Unlock()
			deleted = append(deleted, q.done...)
		}()
		answer, err := f.invoke(t, `{"Records":[`+record("a", `{"user_id":"`+user+`"}`, 1)+`,`+record("b", `{"user_id":"`+other+`"}`, 1)+`,`+
			record("c", `{"user_id":"00000000-0000-4000-8000-000000000001"}`, 1)+`]}`)
		q.mu.Lock()
		defer q.mu.Unlock()
		// Of the last one there is no batch left that goes on.
		if got := failures(t, answer, err); fmt.Sprint(got) != "[b]" || fmt.Sprint(deleted, q.done) != "[handle-a] [handle-a]" {
			t.Errorf("%q came back, %q were deleted after 20 s, %q in all", got, deleted, q.done)
		}
	})
}

// inTime notes when the refreshes of users began; its pages take their time.
type inTime struct {
	refresher
	began time.Duration
	start time.Time
}

func (r *inTime) All(ctx context.Context, requests []refresh.Request, each func(int, result.Result)) {
	r.began = time.Since(r.start)
	r.refresher.All(ctx, requests, each)
}

func (r *inTime) Users(context.Context, refresh.Budget, int, int) (result.Page, error) {
	time.Sleep(15 * time.Second)
	return result.Page{}, result.Fail(result.UpstreamTimeout, "x")
}

func TestNoMessageWaitsForTheOthersOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &bus{wait: 20 * time.Second}
		r := &inTime{start: time.Now()}
		f := newFunction()
		f.Handler = handler.New(r, handler.Options{DefaultTimeout: 10, Bus: slow, Queue: &queue{}, Observer: observe.NewLog(logOf(f.log)), Log: logOf(f.log)})
		var bodies []string
		for range 9 {
			bodies = append(bodies, `{"all_users":true,"offset":0}`)
		}
		for range 100 {
			bodies = append(bodies, `not a document`)
		}
		answer, err := f.invoke(t, batch(append(bodies, `{"user_id":"`+user+`"}`)...))
		if got := failures(t, answer, err); r.began != 0 || len(got) < 9 {
			t.Errorf("the refresh began after %v; %d came back", r.began, len(got))
		}
	})
}

func TestABusThatHangsBringsTheMessagesBackBeforeLambdaGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := publishing()
		b.wait = time.Hour
		began := time.Now()
		answer, err := f.invoke(t, batch(`{"user_id":"`+user+`"}`))
		if got := failures(t, answer, err); fmt.Sprint(got) != "[m0]" || time.Since(began) >= 90*time.Second {
			t.Errorf("%q after %v", got, time.Since(began))
		}
	})
}
