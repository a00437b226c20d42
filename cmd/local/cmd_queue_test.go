package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// jsonType is the header of a body that is JSON.
var jsonType = []string{"Content-Type", "application/json"}

func TestServePrintsWhatIsQueuedProcessedAndPublished(t *testing.T) {
	url, stderr, stop := watchedServer(t, nil, "--speed", "100000", "--auth", "token", "--token", "a-token-of-a-test")
	token := []string{"Authorization", "Bearer a-token-of-a-test"}
	resp, _ := send(t, "POST", url+"/v2/user/refresh/"+junctiontest.DefaultUserID, "", append(token, "Prefer", "respond-async")...)
	if resp.StatusCode != 202 || resp.Header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("%s with %v", resp.Status, resp.Header)
	}
	stderr.until(t, "): done\n", 1)
	send(t, "POST", url+"/webhooks", `{"client_user_id":"app-user-without-sources"}`, append(token, jsonType...)...)
	stderr.until(t, "): done\n", 2)
	send(t, "POST", url+"/webhooks", `{"client_user_id":"a-token-of-a-test"}`, append(token, jsonType...)...)
	stderr.until(t, "): done\n", 3)
	send(t, "POST", url+"/webhooks", `{"user_ids":["`+junctiontest.CompletedUserID+`","`+junctiontest.SlowUserID+`"]}`, append(token, jsonType...)...)
	stderr.until(t, " published ", 6)
	stderr.until(t, "): done\n", 5)
	status, _, shown := stop()
	if status != exitOK {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, shown, " queued    1449752e-… (message ", " published 1449752e-… partial\n", " worker    batch of 1 (",
		" queued    client:app-user-without-sources (message ", " published e4a85d37-… failed: no_connected_sources\n",
		" queued    client:**** (message ", " published an unknown user failed: user_not_found\n",
		" queued    2 users\n", " published 7d6f1c52-… completed\n", " published b21c9f0e-… in_progress, not final: it is followed up\n",
		" queued    b21c9f0e-… look 1 in 1s (message ", " settled   b21c9f0e-… completed after 1.", " published b21c9f0e-… completed\n", "finishing the running invocations")
	mustNotContain(t, shown, "still queued", "a-token-of-a-test")
}

func TestServePrintsWhatIsRetriedAndLost(t *testing.T) {
	url, stderr, stop := watchedServer(t, nil, "--speed", "100000", "--fault", "429")
	send(t, "POST", url+"/webhooks", `{"user_id":"`+junctiontest.DefaultUserID+`"}`, jsonType...)
	stderr.until(t, " worker ", 1)
	_, _, shown := stop()
	mustContain(t, shown, " failed    1449752e-… rate_limited\n", ": 0 done, 1 to be retried (", " in 20m0s)", "\n1 message still queued, and lost with this process\n")
	mustNotContain(t, shown, " published ")
}

func TestAnOwnQueueIsNotReplaced(t *testing.T) {
	awstest.SetEndpoint(t, "http://127.0.0.1:1", "SQS")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	url, stop := server(t, nil, "--config", "REFRESH_QUEUE_URL=http://127.0.0.1:1/123456789012/none")
	_, body := send(t, "POST", url+"/webhooks", `{"user_id":"`+junctiontest.DefaultUserID+`"}`, jsonType...)
	_, _, shown := stop()
	mustContain(t, body, "queue_failed")
	mustNotContain(t, shown, " queued ")
}

func TestServeWithoutAQueueRefreshesAtOnce(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000", "--config", "REFRESH_QUEUE_URL=", "--config", "RESULT_BUS=")
	resp, body := send(t, "POST", url+"/webhooks", `{"user_id":"`+junctiontest.DefaultUserID+`"}`, "Prefer", "respond-async", "Content-Type", "application/json")
	_, stdout, shown := stop()
	if resp.StatusCode != 200 {
		t.Errorf("%s", resp.Status)
	}
	mustContain(t, body, `"status":"partial"`)
	mustNotContain(t, stdout+shown, " queued ", " published ", "respond-async")
}

func TestAMessageThatKeepsFailingBecomesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown bytes.Buffer
		var calls atomic.Int32 // an invocation that has timed out goes on
		q := newLocalQueue(newScreen(&shown, true), 10*time.Second, receiveWait)
		stop := q.start(&function{lambda: awstest.Lambda{Timeout: 10 * time.Second, Handler: stub(func(context.Context, []byte) ([]byte, error) {
			if calls.Add(1) == 1 {
				time.Sleep(time.Minute)
			}
			return nil, errors.New("out of luck")
		})}})
		if err := q.messages.Send(t.Context(), []handler.Message{{Body: `{"all_users":true,"offset":500,"limit":500}`}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if calls.Load() != maxReceiveCount || q.messages.Len() != 0 {
			t.Errorf("%d calls, %d messages left", calls.Load(), q.messages.Len())
		}
		mustContain(t, shown.String(), " queued    all users from 500 on (message ", " in 50s): Sandbox.Timedout: ", " in 1m0s): *errors.errorString: out of luck",
			" dead      all users from 500 on (message ", ", received 5 times\n")
	})
}

func TestInvokeWithAQueueRefreshesAndCountsAllUsers(t *testing.T) {
	got := localWith(t, `{"all_users":true}`, nil, "invoke", "--queue", "-", "--speed", "100000", "--config", "FOLLOW_UP=off")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "What came in", `"pages": 3`, "\n904 users in ", ": 801 completed, 1 in progress, 102 partial, 0 failed\n")
	mustContain(t, got.stderr, " queued    all users, in 3 pages\n", " queued    450 users\n", " worker    batch of 10 (")
	if n := strings.Count(got.stderr, " published "); n != 904 {
		t.Errorf("%d results were published", n)
	}
	mustNotContain(t, got.stdout+got.stderr, "generated-user-0", junctiontest.DefaultKey)
}

func TestInvokeWithoutAQueueRefusesAllUsers(t *testing.T) {
	got := localWith(t, `{"all_users":true}`, nil, "invoke", "-")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "all_users needs a queue")
}

func TestInvokeWithAQueueFailsIfAQueuedRefreshDoes(t *testing.T) {
	many := `{"user_ids":["` + junctiontest.DefaultUserID + `","` + junctiontest.NoSourcesUserID + `"]}`
	t.Run("for good", func(t *testing.T) {
		got := localWith(t, many, nil, "invoke", "--queue", "--json", "-", "--speed", "100000")
		got.mustExit(t, exitFailed)
		var answer struct{ Status result.Status }
		if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || answer.Status != result.Queued {
			t.Errorf("%v: %s", err, got.stdout)
		}
		mustContain(t, got.stderr, "\n2 users in ", "1 partial, 1 failed\n")
	})
	t.Run("for now", func(t *testing.T) {
		got := localWith(t, many, nil, "invoke", "--queue", "-", "--speed", "100000", "--fault", "429:1")
		got.mustExit(t, exitFailed)
		mustContain(t, got.stdout, "\n1 user in ", ", 1 to be retried\n", "\n1 message still queued, and lost with this process\n")
		mustContain(t, got.stderr, "batch of 2 (", ": 1 done, 1 to be retried (")
	})
}

func TestInvokeWithAQueuePublishesARefreshThatIsNotQueued(t *testing.T) {
	got := localWith(t, `{"client_user_id":"app-user-completed"}`, nil, "invoke", "--queue", "-", "--speed", "100000")
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, `"status": "completed"`, "\n1 user in ")
	mustContain(t, got.stderr, " published 7d6f1c52-… completed\n")
}
