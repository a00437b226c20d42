package sqstest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

// sendLater sends a message with a delay, and returns it as it was reported.
func sendLater(t *testing.T, options sqstest.QueueOptions, delay time.Duration) (*sqstest.Queue, sqstest.Message) {
	t.Helper()
	var sent []sqstest.Message
	options.OnSend = func(messages []sqstest.Sent) {
		for _, m := range messages {
			sent = append(sent, m.Message)
		}
	}
	q := sqstest.NewQueue(options)
	if err := q.Send(t.Context(), []handler.Message{{Body: "a", Delay: delay}}); err != nil {
		t.Fatal(err)
	}
	return q, sent[0]
}

func TestAMessageSentWithADelayCanBeReceivedAfterIt(t *testing.T) {
	for _, delay := range []time.Duration{time.Second, 30 * time.Second, 15 * time.Minute} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, sent := sendLater(t, sqstest.QueueOptions{}, delay)
				if at, ok := q.VisibleAt(sent.ID); !ok || time.Until(at) != delay || q.Len() != 1 {
					t.Errorf("%d messages, and it is visible in %v (%t); want it in %v", q.Len(), time.Until(at), ok, delay)
				}
				time.Sleep(delay - 1)
				receiveNone(t, q)
				time.Sleep(1)
				got := receiveOne(t, q)
				if got.Body != "a" || got.Attributes["ApproximateReceiveCount"] != "1" {
					t.Errorf("received %+v", got)
				}
				if diff := cmp.Diff(sent.Attributes["SentTimestamp"], got.Attributes["SentTimestamp"]); diff != "" {
					t.Errorf("it was sent at another time (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestADelayedMessageHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{})
		if err := q.Send(t.Context(), []handler.Message{{Body: "later", Delay: time.Minute}, {Body: "now"}, {Body: "soon", Delay: time.Second}}); err != nil {
			t.Fatal(err)
		}
		for _, next := range []struct {
			body string
			wait time.Duration
		}{{"now", 0}, {"soon", time.Second}, {"later", 59 * time.Second}} {
			time.Sleep(next.wait)
			m := receiveOne(t, q)
			if m.Body != next.body {
				t.Errorf("received %q, want %q", m.Body, next.body)
			}
			if err := q.DeleteMessages(t.Context(), []string{m.ReceiptHandle}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAReceiveWaitsForADelayedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := sendLater(t, sqstest.QueueOptions{WaitTime: 20 * time.Second}, 15*time.Second)
		began := time.Now()
		receiveOne(t, q)
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("it is received after %v, want 15s", took)
		}
	})
}

func TestADelayOfASendIsUsedOnceAndDoesNotCountAsAReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := sendLater(t, sqstest.QueueOptions{VisibilityTimeout: time.Minute, MaxReceiveCount: 2}, 10*time.Minute)
		time.Sleep(10 * time.Minute)
		receiveOne(t, q)
		time.Sleep(time.Minute) // the visibility timeout, not the delay
		if got := receiveOne(t, q).Attributes["ApproximateReceiveCount"]; got != "2" {
			t.Errorf("it was received %s times, want 2", got)
		}
		time.Sleep(time.Minute)
		receiveNone(t, q)
		if n := len(q.DeadLetters()); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

func TestAMessageThatWasNotReceivedYetCannotBeDelayedOrDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, sent := sendLater(t, sqstest.QueueOptions{}, time.Minute)
		if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: sent.ReceiptHandle, For: time.Hour}}); err == nil {
			t.Error("it is delayed")
		}
		if err := q.DeleteMessages(t.Context(), []string{sent.ReceiptHandle}); err != nil || q.Len() != 1 {
			t.Errorf("it is deleted, error %v", err)
		}
	})
}

func TestADelayThatSQSRefusesStopsTheWholeSend(t *testing.T) {
	for name, c := range map[string]struct {
		delay time.Duration
		ok    bool
	}{
		"15 minutes":      {15 * time.Minute, true},
		"over 15 minutes": {15*time.Minute + time.Second, false},
		"an hour":         {time.Hour, false},
		"negative":        {-time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := sqstest.NewQueue(sqstest.QueueOptions{})
			err := q.Send(t.Context(), []handler.Message{{Body: "fine"}, {Body: "a", Delay: c.delay}})
			if (err == nil) != c.ok || q.Len() != map[bool]int{true: 2}[c.ok] {
				t.Errorf("%v: %d messages were sent", err, q.Len())
			}
		})
	}
}

func TestTheEventSourceMappingDeliversADelayedMessageAfterItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := pollingQueue(), &function{}
		stop := start(t, sqstest.EventSourceMapping{Source: q, Function: f.invoke})
		synctest.Wait()
		if err := q.Send(t.Context(), []handler.Message{{Body: "later", Delay: 5 * time.Minute}, {Body: "now"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		stop()
		if diff := cmp.Diff([][]string{{"now"}, {"later"}}, f.received()); diff != "" {
			t.Errorf("the batches (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{0, 5 * time.Minute}, f.invokedAt); diff != "" || q.Len() != 0 {
			t.Errorf("%d messages left, the times (-want +got):\n%s", q.Len(), diff)
		}
	})
}
