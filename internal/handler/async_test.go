package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// queue keeps what it is sent, and can fail.
type queue struct {
	mu     sync.Mutex
	sent   []handler.Message
	delays []handler.Delay
	done   []string
	err    error
	panics bool
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
	q.delays = append(q.delays, delays...)
	return q.err
}

func (q *queue) DeleteMessages(_ context.Context, handles []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = append(q.done, handles...)
	return q.err
}

// bodies are the documents on the queue.
func (q *queue) bodies() (all []string) {
	for _, m := range q.sent {
		all = append(all, m.Body)
	}
	return all
}

func queueing(change ...func(*handler.Options)) (function, *queue) {
	q := &queue{}
	return newFunction(append(change, func(o *handler.Options) { o.Queue = q })...), q
}

const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

// preferring is a request to the mirror route with a Prefer header.
func preferring(prefer string) string {
	return strings.Replace(v2("POST", "/v2/user/refresh/"+user, "timeout=45", "", gateway), `"headers":{`, `"headers":{"prefer":"`+prefer+`",`, 1)
}

func TestARequestThatPrefersNotToWaitIsQueued(t *testing.T) {
	for prefer, async := range map[string]bool{
		"respond-async": true, "Respond-Async": true, "wait=10, respond-async": true, "respond-async; x=1 ,handling=lenient": true,
		"wait=10": false, "respond-asynchronously": false, "": false,
	} {
		f, q := queueing()
		answer, err := f.invoke(t, preferring(prefer))
		got := readHTTP(t, answer, err)
		if !async {
			if got.StatusCode != 200 || got.result.Status != result.Completed || len(q.sent) != 0 || got.Headers["Preference-Applied"] != "" {
				t.Errorf("%q: %s", prefer, answer)
			}
			continue
		}
		if got.StatusCode != 202 || got.result.Status != result.Queued || !got.result.Success || got.result.UserID != user ||
			got.result.RequestedTimeoutSeconds != 45 || got.Headers["Preference-Applied"] != "respond-async" || len(f.refresher.asked) != 0 {
			t.Errorf("%q: %s", prefer, answer)
		}
		want := `{"user_id":"` + user + `","timeout":45,"trigger":"http-api","request_id":"request-1"}`
		if len(q.sent) != 1 || q.sent[0].Body != want || q.sent[0].TraceHeader != trace {
			t.Errorf("%q queues %+v", prefer, q.sent)
		}
	}
	f := newFunction()
	if answer, err := f.invoke(t, preferring("respond-async")); readHTTP(t, answer, err).Headers["Preference-Applied"] != "" || len(f.refresher.asked) != 1 {
		t.Errorf("without a queue: %s", answer)
	}
}

func TestEveryWebhookThatRefreshesIsQueued(t *testing.T) {
	for body, want := range map[string]string{
		`{"user_id":"` + user + `"}`: `{"user_id":"` + user + `","timeout":10,"trigger":"http-api","request_id":"request-1"}`,
		`{"client_user_id":"<app>"}`: `{"client_user_id":"\u003capp\u003e","timeout":10,"trigger":"http-api","request_id":"request-1"}`,
		`{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `"}`:         `{"user_id":"` + user + `","timeout":10,"trigger":"http-api","request_id":"request-1"}`,
		`{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"` + user + `","data":{} }`: ``,
	} {
		f, q := queueing()
		answer, err := f.invoke(t, v2("POST", "/webhooks", "", body, gateway))
		got := readHTTP(t, answer, err)
		switch {
		case want == "" && (got.StatusCode != 200 || got.result.Status != result.Ignored || len(q.sent) != 0):
			t.Errorf("%s: %s", body, answer)
		case want != "" && (got.StatusCode != 202 || got.result.Status != result.Queued || strings.Join(q.bodies(), "") != want || got.Headers["Preference-Applied"] != ""):
			t.Errorf("%s: %s, queued %q", body, answer, q.bodies())
		}
		if len(f.refresher.asked) != 0 {
			t.Errorf("%s was refreshed at once", body)
		}
	}
}

func TestManyUsersAreQueuedEachOnceWhoeverAsks(t *testing.T) {
	document := `{"user_ids":["` + user + `","` + other + `","` + strings.ToUpper(user) + `"],"timeout":30}`
	const want = `{"status":"queued","summary":{"users":2,"queued":2},"results":[]}`
	text, _ := json.Marshal(document)
	for trigger, event := range map[string]string{
		"direct":      document,
		"eventbridge": `{"detail-type":"x","source":"my.app","detail":` + document + `}`,
		"http-api":    v2("POST", "/webhooks", "", document, gateway),
		"sqs":         `{"Records":[{"messageId":"m0","eventSource":"aws:sqs","body":` + string(text) + `}]}`,
	} {
		f, q := queueing()
		answer, err := f.invoke(t, event)
		if err != nil {
			t.Fatal(err)
		}
		body := string(answer)
		switch trigger {
		case "http-api":
			var response struct {
				StatusCode int
				Body       string
			}
			if json.Unmarshal(answer, &response) != nil || response.StatusCode != 202 {
				t.Errorf("%s: %s", trigger, answer)
			}
			body = response.Body
		case "sqs":
			if body != `{"batchItemFailures":[]}` {
				t.Error(body)
			}
			body = want
		}
		if body != want || len(f.refresher.asked) != 0 {
			t.Errorf("%s: %s", trigger, answer)
		}
		message := func(id string) string {
			return fmt.Sprintf(`{"user_id":%q,"timeout":30,"trigger":%q,"request_id":"request-1"}`, id, trigger)
		}
		if got := strings.Join(q.bodies(), "\n"); got != message(user)+"\n"+message(other) {
			t.Errorf("%s queues %s", trigger, got)
		}
		if !strings.Contains(f.log.String(), `"msg":"queued"`) {
			t.Error(f.log)
		}
	}
}

func TestOneUserIsRefreshedAtOnceWhereNobodyAskedOtherwise(t *testing.T) {
	for _, event := range []string{`{"user_id":"` + user + `"}`, `{"detail-type":"x","source":"my.app","detail":{"user_id":"` + user + `"}}`, batch(`{"user_id":"` + user + `"}`)} {
		f, q := queueing()
		if _, err := f.invoke(t, event); err != nil || len(q.sent) != 0 || len(f.refresher.asked) != 1 {
			t.Errorf("%s: %d queued, %d refreshed, %v", event, len(q.sent), len(f.refresher.asked), err)
		}
	}
}

func TestAQueueThatTakesNothingIsQueueFailedAndNoDeliveryIsRemembered(t *testing.T) {
	d := &deliveries{answers: map[string][]byte{}}
	f, q := queueing(func(o *handler.Options) { o.Deliveries = d })
	q.err = errors.New("SQS refuses a message: InternalError")
	hook := delivery("webhook-id", "msg_1", `{"user_id":"`+user+`"}`)
	answer, err := f.invoke(t, hook)
	if got := readHTTP(t, answer, err); got.StatusCode != 503 || got.result.ErrorCode != result.QueueFailed || len(d.answers) != 0 {
		t.Errorf("%s, %d remembered", answer, len(d.answers))
	}
	if !strings.Contains(f.log.String(), `"cause":"SQS refuses a message: InternalError"`) {
		t.Error(f.log)
	}
	_, err = f.invoke(t, `{"user_ids":["`+user+`"]}`)
	if errorType, _ := lambdaError(t, err); errorType != "QueueFailed" {
		t.Error(errorType)
	}
	answer, err = f.invoke(t, batch(`{"user_ids":["`+user+`"]}`, `{"user_id":"`+user+`"}`))
	if got := failures(t, answer, err); fmt.Sprint(got) != "[m0]" {
		t.Errorf("%q", got)
	}
	q.err = nil
	first, err := f.invoke(t, hook)
	if got := readHTTP(t, first, err); got.StatusCode != 202 || len(q.sent) != 1 || len(d.answers) != 1 {
		t.Errorf("the next try: %s", first)
	}
	if again, _ := f.invoke(t, hook); !bytes.Equal(again, first) || len(q.sent) != 1 {
		t.Errorf("a delivery that came again: %s, %d messages", again, len(q.sent))
	}
}

func TestAPanicOverOneMessageLeavesItsNeighboursAlone(t *testing.T) {
	f, q := queueing()
	q.panics = true
	answer, err := f.invoke(t, batch(`{"user_ids":["`+user+`"]}`, `{"user_id":"`+user+`"}`))
	if got := failures(t, answer, err); fmt.Sprint(got) != "[m0]" || len(f.refresher.asked) != 1 || strings.Contains(f.log.String(), "a payload") {
		t.Errorf("%q\n%s", got, f.log)
	}
}

func TestAllUsersAreQueuedAPageAMessage(t *testing.T) {
	f, q := queueing()
	f.refresher.team = make([]string, 1001)
	answer, err := f.invoke(t, `{"all_users":true,"timeout":30}`)
	if err != nil || string(answer) != `{"status":"queued","summary":{"users":1001,"queued":1001,"pages":3},"results":[]}` {
		t.Errorf("%s %v", answer, err)
	}
	var want []string
	for _, offset := range []int{0, 500, 1000} {
		want = append(want, fmt.Sprintf(`{"all_users":true,"offset":%d,"limit":500,"timeout":30,"trigger":"direct","request_id":"request-1"}`, offset))
	}
	if fmt.Sprint(q.bodies()) != fmt.Sprint(want) || fmt.Sprint(f.refresher.listed) != "[[0 1]]" {
		t.Errorf("queued %q after %v", q.bodies(), f.refresher.listed)
	}
	f, q = queueing()
	if answer, err := f.invoke(t, `{"all_users":true}`); err != nil || len(q.sent) != 0 || !strings.Contains(string(answer), `"users":0`) {
		t.Errorf("a team of nobody: %s %v", answer, err)
	}
}

func TestAPagesUsersAreQueuedForWhoeverAskedForAll(t *testing.T) {
	f, q := queueing()
	f.refresher.team = []string{"x", user, "", other}
	answer, err := f.invoke(t, batch(`{"all_users":true,"offset":1,"limit":2,"timeout":30,"trigger":"function-url","request_id":"of-the-caller"}`))
	if got := failures(t, answer, err); len(got) != 0 || fmt.Sprint(f.refresher.listed) != "[[1 2]]" {
		t.Errorf("%q, listed %v", got, f.refresher.listed)
	}
	if want := `{"user_id":"` + user + `","timeout":30,"trigger":"function-url","request_id":"of-the-caller"}`; strings.Join(q.bodies(), " ") != want {
		t.Errorf("queued %q", q.bodies())
	}
	f.refresher.listFails = result.Fail(result.UpstreamUnavailable, "x")
	answer, err = f.invoke(t, batch(`{"all_users":true,"offset":0}`))
	if got := failures(t, answer, err); fmt.Sprint(got) != "[m0]" {
		t.Errorf("a page that could not be listed: %q", got)
	}
	_, err = f.invoke(t, `{"all_users":true}`)
	if errorType, _ := lambdaError(t, err); errorType != "UpstreamUnavailable" {
		t.Error(errorType)
	}
	for _, bad := range []string{`"offset":-1`, `"offset":"0"`, `"offset":0.5`, `"offset":0,"limit":501`, `"offset":0,"limit":0`} {
		if answer, err := f.invoke(t, `{"all_users":true,`+bad+`}`); err != nil || one(t, answer).ErrorCode != result.InvalidRequest {
			t.Errorf("%s: %s %v", bad, answer, err)
		}
	}
}

func TestTheLogSaysWhatAMessageWasQueuedFor(t *testing.T) {
	f, _ := queueing()
	_, _ = f.invoke(t, batch(`{"user_id":"`+user+`","trigger":"rest-api","request_id":"of-the-caller"}`, `{"user_id":"`+user+`","trigger":"nonsense","request_id":"`+strings.Repeat("x", 65)+`"}`, `{"user_id":"`+user+`","request_id":"somebody's words"}`))
	lines := f.log.String()
	if strings.Count(lines, `"trigger":"sqs"`) != 3 || strings.Contains(lines, "somebody") || strings.Count(lines, `"queued_by":"rest-api"`) != 1 || strings.Count(lines, `"queued_by"`) != 1 ||
		f.refresher.asked[0].RequestID != "of-the-caller" || f.refresher.asked[1].RequestID != "request-1" {
		t.Error(lines)
	}
}

// record is an SQS record with what a queue adds.
func record(id, body string, received int) string {
	text, _ := json.Marshal(body)
	return fmt.Sprintf(`{"messageId":%q,"receiptHandle":"handle-%s","eventSource":"aws:sqs","attributes":{"ApproximateReceiveCount":"%d","AWSTraceHeader":"Root=1-1-of%s"},"body":%s}`, id, id, received, id, text)
}

func TestAMessageThatCannotSucceedYetIsKeptOutOfSightUntilItCan(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{
		90 * time.Second: 90 * time.Second, 1500 * time.Millisecond: 2 * time.Second, 23 * time.Hour: 11*time.Hour + 45*time.Minute, 0: 0,
	} {
		f, q := queueing()
		f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: after}
		f.refresher.fails[other] = &result.Failure{Code: result.UpstreamUnavailable, Message: "x", RetryAfter: time.Second}
		answer, err := f.invoke(t, `{"Records":[`+record("a", `{"user_id":"`+user+`"}`, 1)+`,`+record("b", `{"user_id":"`+other+`"}`, 1)+`]}`)
		if got := failures(t, answer, err); fmt.Sprint(got) != "[a b]" {
			t.Errorf("%q", got)
		}
		if want == 0 && len(q.delays) != 0 || want > 0 && (len(q.delays) != 1 || q.delays[0] != handler.Delay{ReceiptHandle: "handle-a", For: want}) {
			t.Errorf("%v: %+v", after, q.delays)
		}
	}
	f, q := queueing()
	q.err = errors.New("ReceiptHandleIsInvalid")
	f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: time.Minute}
	answer, err := f.invoke(t, `{"Records":[`+record("a", `{"user_id":"`+user+`"}`, 1)+`]}`)
	if got := failures(t, answer, err); fmt.Sprint(got) != "[a]" || !strings.Contains(f.log.String(), "ReceiptHandleIsInvalid") {
		t.Errorf("a queue that does not delay: %q\n%s", got, f.log)
	}
}
