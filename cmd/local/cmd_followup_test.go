package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// slow is a refresh that was answered while both of its sources were running.
func slow() result.Result {
	out := result.From(junctiontest.SlowUserID, result.Answer{Status: 202, InProgress: []string{"garmin/activity", "garmin/sleep"}})
	out.StartedAt = time.Now()
	return out
}

// lookMessage is the message for the next look of a follow-up that has looked so often.
func lookMessage(looks int, delay time.Duration) handler.Message {
	f := slow().FollowUp()
	f.Looks = looks
	return handler.Message{Body: document.Message{FollowUp: f}.Body(), Delay: delay}
}

func TestThePausesSuitTheSpeedOfTheSimulator(t *testing.T) {
	for _, test := range []struct {
		speed float64
		want  string
	}{
		{50, "1s,2s,3s,6s,12s"},
		{1, "30s,1m0s,2m0s,5m0s,10m0s"},
		{0.5, "1m0s,2m0s,4m0s,10m0s,15m0s"},
		{math.Inf(1), "1s,1s,1s,1s,1s"},
	} {
		t.Run(fmt.Sprint(test.speed), func(t *testing.T) {
			g := Globals{Speed: test.speed}
			if got := g.pauses(); got != test.want {
				t.Errorf("the pauses are %s, want %s", got, test.want)
			}
		})
	}
}

func TestALiveRunHasTheFunctionsOwnPauses(t *testing.T) {
	c := newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}, []string{"JUNCTION_API_KEY=" + ownKey})
	environ, err := (&Globals{Live: true, Speed: 50}).live(c)
	if err != nil {
		t.Fatal(err)
	}
	mustNotContain(t, strings.Join(environ, "\n"), "FOLLOW_UP")
}

func TestInvokeWithAQueueWaitsForTheEndOfAFollowUp(t *testing.T) {
	got := localWith(t, `{"client_user_id":"app-user-slow"}`, nil, "invoke", "--queue", "--json", "-", "--speed", "100000")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"status":"in_progress","final":false`)
	mustContain(t, got.stderr, " queued    b21c9f0e-… look 1 in 1s (message ", " published b21c9f0e-… in_progress, not final: it is followed up\n",
		" settled   b21c9f0e-… completed after 1.", " published b21c9f0e-… completed\n", "\n1 user in 1.", ": 1 completed, 0 in progress, 0 partial, 0 failed\n")
}

// follower is a function that makes a look and queues the next one, until it has made them all.
func follower(q *localQueue, pauses []time.Duration) *function {
	looks := 0
	return &function{lambda: awstest.Lambda{Timeout: time.Minute, Handler: stub(func(ctx context.Context, _ []byte) ([]byte, error) {
		if looks++; looks == len(pauses) {
			end := slow().FollowUp().Result()
			end.DurationMS = 90_000
			q.Settled(ctx, observe.Origin{}, end)
			return []byte(`{"batchItemFailures":[]}`), nil
		}
		f := slow().FollowUp()
		f.Looks, f.InProgress, f.Failed = looks, f.InProgress[:1], f.InProgress[1:]
		q.Looked(ctx, observe.Origin{}, *f)
		return []byte(`{"batchItemFailures":[]}`), q.messages.Send(ctx, []handler.Message{lookMessage(looks, pauses[looks])})
	})}}
}

func TestDrainingWaitsForEachLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown bytes.Buffer
		q := newLocalQueue(newScreen(&shown, true), time.Minute, 0)
		pauses := []time.Duration{30 * time.Second, time.Minute}
		began := time.Now()
		if err := q.messages.Send(t.Context(), []handler.Message{lookMessage(0, pauses[0])}); err != nil {
			t.Fatal(err)
		}
		if err := q.drain(t.Context(), follower(q, pauses)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("it took %v", took)
		}
		mustContain(t, shown.String(), " queued    b21c9f0e-… look 1 in 30s (message ", " looked    b21c9f0e-… look 1: 0 refreshed, 1 failed, 1 in progress\n",
			" queued    b21c9f0e-… look 2 in 1m0s (message ",
			" settled   b21c9f0e-… in_progress after 1m30s: after the last look Junction has still not said how 2 sources ended\n")
		var summary bytes.Buffer
		if !printQueueSummary(newScreen(&summary, true), q, time.Second) {
			t.Errorf("it failed: %s", &summary)
		}
		mustContain(t, summary.String(), "\n1 user in 1s: 0 completed, 1 in progress,")
	})
}

func TestCtrlCEndsTheWaitForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown bytes.Buffer
		q := newLocalQueue(newScreen(&bytes.Buffer{}, true), time.Minute, 0)
		for _, delay := range []time.Duration{5 * time.Minute, 30 * time.Second} { // the second is made first
			if err := q.messages.Send(t.Context(), []handler.Message{lookMessage(0, delay)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := q.drain(ctx, follower(q, make([]time.Duration, 1))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		if printQueueSummary(newScreen(&shown, true), q, time.Second) {
			t.Error("it did not fail")
		}
		mustContain(t, shown.String(), "\n1 message still queued, 1 of them for a look at running sources, and lost with this process\n")
	})
}

func TestALookThatIsToBeRetriedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLocalQueue(newScreen(&bytes.Buffer{}, true), time.Minute, 0)
		if err := q.messages.Send(t.Context(), []handler.Message{lookMessage(0, time.Second)}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		failing := &function{lambda: awstest.Lambda{Timeout: time.Minute, Handler: stub(func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("out of luck")
		})}}
		if err := q.drain(t.Context(), failing); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second || q.left() != "1 message still queued" {
			t.Errorf("it took %v, and %q", took, q.left())
		}
	})
}

func TestTheQueueCountsEachRefreshOnce(t *testing.T) {
	followed := slow()
	followed.Final = false
	for _, test := range []struct {
		name           string
		trigger        document.Trigger
		out            result.Result
		users, retried int
		shown          string
	}{
		{"a final result", document.SQS, result.From("a", result.Answer{Status: 200}), 1, 0, ""},
		{"one that is followed up", document.SQS, followed, 0, 0, ""},
		{"one that is queued", document.Direct, result.FromQueued("a"), 0, 0, ""},
		{"a message for later", document.SQS, result.FromFailure("a", result.Fail(result.RateLimited, "")), 0, 1, " failed    a-… rate_limited\n"},
		{"a message for an operator", document.SQS, result.FromFailure("a", result.Fail(result.Misconfigured, "")), 0, 1, " failed    a-… misconfigured\n"},
		{"a message behind another", document.SQS, result.FromFailure("a", result.Fail(result.InFlight, "")), 0, 1, " waiting   a-… for another refresh of the user\n"},
		{"a call that its caller can repeat", document.Direct, result.FromFailure("a", result.Fail(result.RateLimited, "")), 0, 0, ""},
		{"a call that needs an operator", document.Direct, result.FromFailure("a", result.Fail(result.Misconfigured, "")), 1, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var shown bytes.Buffer
			q := newLocalQueue(newScreen(&shown, true), time.Minute, 0)
			q.Refreshed(t.Context(), observe.Origin{Trigger: test.trigger}, test.out)
			if final, retried := q.totals(); final.users != test.users || retried != test.retried {
				t.Errorf("%d users, %d to be retried; want %d and %d", final.users, retried, test.users, test.retried)
			}
			if text := shown.String(); !strings.HasSuffix(text, test.shown) || test.shown == "" && text != "" {
				t.Errorf("shown: %s", text)
			}
		})
	}
}

func TestServeAnswersWhatIsKnownOfAUser(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000")
	path := url + "/v2/user/refresh/" + junctiontest.CompletedUserID
	_, before := send(t, "GET", path, "")
	mustContain(t, before, `"calls_left":8`, `"last_result":null`)
	send(t, "POST", path, "")
	resp, coalesced := send(t, "POST", path, "", "Cache-Control", "max-age=900")
	if resp.Header.Get("Age") == "" {
		t.Errorf("there is no Age in %v", resp.Header)
	}
	mustContain(t, coalesced, `"coalesced":true`, `"age_seconds":`)
	send(t, "POST", path, "", "Cache-Control", "no-cache")
	resp, after := send(t, "GET", path, "")
	if resp.StatusCode != 200 {
		t.Errorf("%s", resp.Status)
	}
	mustContain(t, after, `"calls_left":6`, `"status":"completed"`)
	_, stdout, _ := stop()
	mustContain(t, stdout, "\n  curl '"+url+"/v2/user/refresh/"+junctiontest.DefaultUserID+"'\n", "-H 'cache-control: max-age=900'")
}

func TestServePublishesABrokenConnection(t *testing.T) {
	url, stop := server(t, nil)
	event, err := readEvent(newConsole(nil, &bytes.Buffer{}, &bytes.Buffer{}, nil), "../../events/http-api-junction-webhook-error.json")
	if err != nil {
		t.Fatal(err)
	}
	var request struct{ Body string }
	if err := json.Unmarshal(event, &request); err != nil {
		t.Fatal(err)
	}
	_, body := send(t, "POST", url+"/webhooks", request.Body, "Svix-Id", "msg_1", "Content-Type", "application/json")
	mustContain(t, body, `"status":"ignored"`)
	_, stdout, shown := stop()
	mustContain(t, stdout, "\n  go run ./cmd/local sign events/http-api-junction-webhook-error.json --url "+url+" | sh\n")
	mustContain(t, shown, " published 1449752e-… connection error, the user has to reconnect withings: token_refresh_failed\n")
}
