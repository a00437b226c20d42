package sqstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

func receive(t *testing.T, q *sqstest.Queue) []sqstest.Message {
	t.Helper()
	messages, err := q.Receive(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// receiveOne receives the only visible message.
func receiveOne(t *testing.T, q *sqstest.Queue) sqstest.Message {
	t.Helper()
	messages := receive(t, q)
	if len(messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(messages))
	}
	return messages[0]
}

func receiveNone(t *testing.T, q *sqstest.Queue) {
	t.Helper()
	if messages := receive(t, q); len(messages) != 0 {
		t.Fatalf("received %d messages, want none", len(messages))
	}
}

func TestAMessageThatIsNotDeletedBecomesVisibleAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: time.Minute})
		sent := time.Now()
		if err := q.Send(t.Context(), []handler.Message{{Body: "a", TraceHeader: "Root=1-2-3"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		first := receiveOne(t, q)
		time.Sleep(time.Minute - 1)
		receiveNone(t, q)
		time.Sleep(1)
		second := receiveOne(t, q)
		if second.ReceiptHandle == first.ReceiptHandle {
			t.Error("two receives have one receipt handle")
		}
		want := sqstest.Message{ID: first.ID, ReceiptHandle: second.ReceiptHandle, Body: "a", Attributes: map[string]string{
			"SenderId": "AIDALOCAL", "ApproximateReceiveCount": "2", "AWSTraceHeader": "Root=1-2-3",
			"SentTimestamp": fmt.Sprint(sent.UnixMilli()), "ApproximateFirstReceiveTimestamp": fmt.Sprint(sent.UnixMilli() + 1000),
		}}
		if diff := cmp.Diff(want, second); diff != "" {
			t.Errorf("the second receive (-want +got):\n%s", diff)
		}
		if first.Attributes["ApproximateReceiveCount"] != "1" {
			t.Error("a message that was handed out changes")
		}
		if err := q.DeleteMessages(t.Context(), []string{first.ReceiptHandle}); err != nil || q.Len() != 1 {
			t.Errorf("%v: a replaced receipt handle deletes", err)
		}
		if err := q.DeleteMessages(t.Context(), []string{second.ReceiptHandle}); err != nil || q.Len() != 0 {
			t.Errorf("%v: %d messages left", err, q.Len())
		}
	})
}

func TestAMessageReceivedTooOftenMovesToTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []sqstest.Message
		q := sqstest.NewQueue(sqstest.QueueOptions{MaxReceiveCount: 2, WaitTime: 20 * time.Second, OnDeadLetter: func(m sqstest.Message) {
			reported = append(reported, m)
		}})
		send(t, q, "a")
		receiveOne(t, q)
		receiveNone(t, q)
		receiveOne(t, q) // 30 s after the first, which is SQS's default visibility timeout
		receiveNone(t, q)
		if len(reported) != 0 || q.Len() != 1 {
			t.Errorf("a dead letter too early: %v", reported)
		}
		receiveNone(t, q)
		if diff := cmp.Diff(reported, q.DeadLetters()); diff != "" {
			t.Errorf("the dead letters (-reported +kept):\n%s", diff)
		}
		if len(reported) != 1 || reported[0].Attributes["ApproximateReceiveCount"] != "2" || q.Len() != 0 {
			t.Errorf("the dead letters are %v, and %d messages are left", reported, q.Len())
		}
	})
}

func TestADelayReplacesTheVisibilityTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: 10 * time.Minute})
		send(t, q, "in an hour", "in a second", "at once")
		messages := receive(t, q)
		var delays []handler.Delay
		for i, d := range []time.Duration{time.Hour, time.Second, 0} {
			delays = append(delays, handler.Delay{ReceiptHandle: messages[i].ReceiptHandle, For: d})
		}
		began := time.Now()
		if err := q.Delay(t.Context(), delays); err != nil {
			t.Fatal(err)
		}
		if at, ok := q.VisibleAt(messages[0].ID); !ok || at.Sub(began) != time.Hour {
			t.Errorf("visible after %v, %v", at.Sub(began), ok)
		}
		if _, ok := q.VisibleAt("another"); ok {
			t.Error("a message that does not exist is visible")
		}
		for _, want := range []struct {
			body  string
			after time.Duration
		}{{"at once", 0}, {"in a second", time.Second}, {"in an hour", time.Hour}} {
			time.Sleep(want.after - time.Since(began))
			m := receiveOne(t, q)
			if m.Body != want.body {
				t.Errorf("after %v %q is visible", want.after, m.Body)
			}
			if err := q.DeleteMessages(t.Context(), []string{m.ReceiptHandle}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestDelaysThatSQSRefuses(t *testing.T) {
	// inFlight returns a queue with a message that was received 30 minutes ago and is still invisible.
	inFlight := func(t *testing.T) (*sqstest.Queue, sqstest.Message) {
		q := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: time.Hour})
		send(t, q, "a")
		m := receiveOne(t, q)
		time.Sleep(30 * time.Minute)
		return q, m
	}
	const longest = 11*time.Hour + 30*time.Minute
	for _, test := range []struct {
		name   string
		delay  time.Duration
		handle string // "" is the message's own
		taken  bool
	}{
		{"until 12 hours after the receive", longest, "", true},
		{"until over 12 hours after the receive", longest + 1, "", false},
		{"a negative one", -1, "", false},
		{"of another queue's message", time.Minute, "another", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, m := inFlight(t)
				delay := handler.Delay{ReceiptHandle: test.handle, For: test.delay}
				if test.handle == "" {
					delay.ReceiptHandle = m.ReceiptHandle
				}
				if err := q.Delay(t.Context(), []handler.Delay{delay}); (err == nil) != test.taken {
					t.Errorf("%v", err)
				}
			})
		})
	}
	t.Run("of a message that is visible again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, m := inFlight(t)
			time.Sleep(30 * time.Minute)
			if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: m.ReceiptHandle, For: time.Minute}}); err == nil {
				t.Error("it is delayed")
			}
		})
	})
	t.Run("of a message that was never received", func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{})
		send(t, q, "a")
		if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: "", For: time.Minute}}); err == nil {
			t.Error("it is delayed")
		}
	})
	t.Run("and the others are delayed all the same", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, m := inFlight(t)
			err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: "another", For: 1}, {ReceiptHandle: m.ReceiptHandle, For: time.Hour}})
			if at, _ := q.VisibleAt(m.ID); err == nil || time.Until(at) != time.Hour {
				t.Errorf("%v; the other is visible in %v", err, time.Until(at))
			}
		})
	})
}

func TestAReceiveWaits(t *testing.T) {
	newQueue := func() *sqstest.Queue {
		return sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: 5 * time.Second, WaitTime: 20 * time.Second})
	}
	for _, test := range []struct {
		name  string
		setUp func(*testing.T, *sqstest.Queue)
		after time.Duration
		found bool
	}{
		{"for its wait time and no longer", func(*testing.T, *sqstest.Queue) {}, 20 * time.Second, false},
		{"until a message is sent", func(t *testing.T, q *sqstest.Queue) {
			time.AfterFunc(3*time.Second, func() { send(t, q, "a") })
		}, 3 * time.Second, true},
		{"until a message becomes visible again", func(t *testing.T, q *sqstest.Queue) {
			send(t, q, "a")
			receiveOne(t, q)
		}, 5 * time.Second, true},
		{"until a delay makes a message visible", func(t *testing.T, q *sqstest.Queue) {
			send(t, q, "a")
			m := receiveOne(t, q)
			time.AfterFunc(time.Second, func() {
				if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: m.ReceiptHandle}}); err != nil {
					t.Error(err)
				}
			})
		}, time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue()
				test.setUp(t, q)
				began := time.Now()
				if messages := receive(t, q); (len(messages) == 1) != test.found || time.Since(began) != test.after {
					t.Errorf("%d messages after %v, want them after %v", len(messages), time.Since(began), test.after)
				}
			})
		})
	}
}

func TestEveryMethodEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{WaitTime: 20 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if messages, err := q.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || len(messages) != 0 || time.Since(began) != time.Second {
			t.Errorf("receive: %v, %v after %v", messages, err, time.Since(began))
		}
		send(t, q, "a")
		if messages, err := q.Receive(ctx, 1); err == nil || len(messages) != 0 {
			t.Errorf("receive: %v, %v", messages, err)
		}
		m := receiveOne(t, q)
		for name, err := range map[string]error{
			"send":   q.Send(ctx, []handler.Message{{Body: "b"}}),
			"delay":  q.Delay(ctx, nil),
			"delete": q.DeleteMessages(ctx, []string{m.ReceiptHandle}),
		} {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if q.Len() != 1 {
			t.Errorf("%d messages left", q.Len())
		}
	})
}

func TestAReceiveReturnsTheOldestMessagesAndAtMostTen(t *testing.T) {
	var sent []string
	q := sqstest.NewQueue(sqstest.QueueOptions{OnSend: func(messages []sqstest.Sent) { sent = append(sent, messages[0].ID) }})
	for _, body := range numbers(12) {
		send(t, q, body)
	}
	var received []string
	for _, size := range []int{10, 2} {
		messages := receive(t, q)
		if len(messages) != size {
			t.Errorf("received %d messages, want %d", len(messages), size)
		}
		for _, m := range messages {
			received = append(received, m.ID)
		}
	}
	if diff := cmp.Diff(sent, received); diff != "" {
		t.Errorf("the messages (-sent +received):\n%s", diff)
	}
	for _, maxMessages := range []int{0, 11} {
		if _, err := q.Receive(t.Context(), maxMessages); err == nil {
			t.Errorf("%d messages can be received", maxMessages)
		}
	}
}

func TestABodyThatSQSRefusesStopsTheWholeSend(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "over 1 MiB": strings.Repeat("x", 1<<20+1)} {
		t.Run(name, func(t *testing.T) {
			q := sqstest.NewQueue(sqstest.QueueOptions{})
			if err := q.Send(t.Context(), []handler.Message{{Body: "fine"}, {Body: body}}); err == nil || q.Len() != 0 {
				t.Errorf("%v: %d messages were sent", err, q.Len())
			}
		})
	}
	t.Run("and 1 MiB is not refused", func(t *testing.T) {
		send(t, sqstest.NewQueue(sqstest.QueueOptions{}), strings.Repeat("x", 1<<20))
	})
}
