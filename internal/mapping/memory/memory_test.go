package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/mapping"
	"github.com/junction-refresh/junction-refresh/internal/mapping/memory"
)

func send(t *testing.T, q *memory.Queue, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := q.Send(t.Context(), []handler.Message{{Body: body}}); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t *testing.T, q *memory.Queue) []mapping.Message {
	t.Helper()
	messages, err := q.Receive(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// one receives the one message that there is.
func one(t *testing.T, q *memory.Queue) mapping.Message {
	t.Helper()
	messages := receive(t, q)
	if len(messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(messages))
	}
	return messages[0]
}

func none(t *testing.T, q *memory.Queue) {
	t.Helper()
	if messages := receive(t, q); len(messages) != 0 {
		t.Fatalf("received %d messages, want none", len(messages))
	}
}

func TestAMessageThatIsNotDeletedComesBackAfterTheVisibilityTimeoutWithAnotherHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Visibility: time.Minute})
		sent := time.Now()
		if err := q.Send(t.Context(), []handler.Message{{Body: "a", TraceHeader: "Root=1-2-3"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		first := one(t, q)
		time.Sleep(time.Minute - 1)
		none(t, q)
		time.Sleep(1)
		second := one(t, q)
		if second.ID != first.ID || second.ReceiptHandle == first.ReceiptHandle || second.Body != "a" {
			t.Errorf("first %+v, then %+v", first, second)
		}
		for name, want := range map[string]string{
			"ApproximateReceiveCount": "2", "AWSTraceHeader": "Root=1-2-3", "SentTimestamp": fmt.Sprint(sent.UnixMilli()),
			"ApproximateFirstReceiveTimestamp": fmt.Sprint(sent.UnixMilli() + 1000),
		} {
			if second.Attributes[name] != want {
				t.Errorf("%s is %q, want %q", name, second.Attributes[name], want)
			}
		}
		if first.Attributes["ApproximateReceiveCount"] != "1" {
			t.Error("a message that was handed out changes")
		}
		if err := q.Delete(t.Context(), []mapping.Message{first}); err != nil || q.Len() != 1 {
			t.Errorf("%v: a handle that was replaced deletes", err)
		}
		if err := q.Delete(t.Context(), []mapping.Message{second}); err != nil || q.Len() != 0 {
			t.Errorf("%v: %d are left", err, q.Len())
		}
	})
}

func TestAMessageReceivedTooOftenMovesToTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		q := memory.New(memory.Options{MaxReceives: 2, Wait: 20 * time.Second, OnDead: func(m mapping.Message) { told = append(told, m.Body) }})
		send(t, q, "a")
		one(t, q)
		none(t, q)
		one(t, q) // 30 s after the first, which is SQS's default
		none(t, q)
		if len(told) != 0 || q.Len() != 1 {
			t.Errorf("it is dead before its time: %v", told)
		}
		none(t, q)
		dead := q.Dead()
		if len(told) != 1 || q.Len() != 0 || len(dead) != 1 || dead[0].Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("told %v, dead %v, %d left", told, dead, q.Len())
		}
	})
}

func TestADelayReplacesTheVisibilityTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Visibility: 10 * time.Minute})
		send(t, q, "later", "sooner", "at once")
		messages := receive(t, q)
		var delays []handler.Delay
		for i, d := range []time.Duration{time.Hour, time.Second, 0} {
			delays = append(delays, handler.Delay{ReceiptHandle: messages[i].ReceiptHandle, For: d})
		}
		began := time.Now()
		if err := q.Delay(t.Context(), delays); err != nil {
			t.Fatal(err)
		}
		if at, ok := q.Visible(messages[0].ID); !ok || at.Sub(began) != time.Hour {
			t.Errorf("it is visible at %v, %v", at, ok)
		}
		if _, ok := q.Visible("another"); ok {
			t.Error("a message that there is not is visible")
		}
		for _, want := range []struct {
			body  string
			after time.Duration
		}{{"at once", 0}, {"sooner", time.Second}, {"later", time.Hour}} {
			time.Sleep(want.after - time.Since(began))
			m := one(t, q)
			if m.Body != want.body {
				t.Errorf("after %v %q came back", want.after, m.Body)
			}
			if err := q.Delete(t.Context(), []mapping.Message{m}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestADelayThatSQSWouldNotTakeIsAnErrorAndKeepsNoOtherFromBeingTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Visibility: time.Minute})
		send(t, q, "a", "b")
		messages := receive(t, q)
		a, b := messages[0].ReceiptHandle, messages[1].ReceiptHandle
		delay := func(handle string, d time.Duration) error {
			return q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: handle, For: d}})
		}
		if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: "another queue's", For: 1}, {ReceiptHandle: a, For: time.Hour}}); err == nil {
			t.Error("a handle of another queue is taken")
		}
		if at, _ := q.Visible(messages[0].ID); time.Until(at) != time.Hour {
			t.Errorf("the other is visible in %v", time.Until(at))
		}
		time.Sleep(30 * time.Minute)
		for says, err := range map[string]error{
			"one that came back":             delay(b, time.Minute),
			"a time before now":              delay(a, -1),
			"over 12 hours from the receive": delay(a, 11*time.Hour+30*time.Minute+1),
			"the empty handle":               delay("", time.Minute),
		} {
			if err == nil {
				t.Errorf("%s is taken", says)
			}
		}
		if err := delay(a, 11*time.Hour+30*time.Minute); err != nil {
			t.Errorf("12 hours from the receive: %v", err)
		}
	})
}

func TestAReceiveWaitsForAMessageAndNoLongerThanItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Visibility: 5 * time.Second, Wait: 20 * time.Second})
		began := time.Now()
		none(t, q)
		if time.Since(began) != 20*time.Second {
			t.Errorf("it waited %v", time.Since(began))
		}
		began = time.Now()
		time.AfterFunc(3*time.Second, func() { send(t, q, "a") })
		m := one(t, q)
		if time.Since(began) != 3*time.Second {
			t.Errorf("a message sent meanwhile came after %v", time.Since(began))
		}
		began = time.Now()
		one(t, q)
		if time.Since(began) != 5*time.Second {
			t.Errorf("a message out of sight came back after %v", time.Since(began))
		}
		if at, _ := q.Visible(m.ID); time.Until(at) != 5*time.Second {
			t.Errorf("it is out of sight for %v", time.Until(at))
		}
		time.Sleep(time.Second)
		began = time.Now()
		m = one(t, q)
		time.AfterFunc(time.Second, func() {
			if err := q.Delay(t.Context(), []handler.Delay{{ReceiptHandle: m.ReceiptHandle}}); err != nil {
				t.Error(err)
			}
		})
		one(t, q)
		if time.Since(began) != 5*time.Second { // 4 until it was visible, and 1
			t.Errorf("a message made visible came after %v", time.Since(began))
		}
	})
}

func TestAReceiveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memory.New(memory.Options{Wait: 20 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if messages, err := q.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || len(messages) != 0 || time.Since(began) != time.Second {
			t.Errorf("%v, %v after %v", messages, err, time.Since(began))
		}
		send(t, q, "a")
		if messages, err := q.Receive(ctx, 1); err == nil || len(messages) != 0 {
			t.Errorf("%v, %v", messages, err)
		}
		m := one(t, q)
		for says, err := range map[string]error{
			"send": q.Send(ctx, []handler.Message{{Body: "b"}}), "delete": q.Delete(ctx, []mapping.Message{m}), "delay": q.Delay(ctx, nil), "done": q.DeleteMessages(ctx, nil),
		} {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", says, err)
			}
		}
		if q.Len() != 1 {
			t.Errorf("%d are left", q.Len())
		}
	})
}

func TestAReceiveHasTheOldestMessagesAndTenAtMost(t *testing.T) {
	var told []string
	q := memory.New(memory.Options{OnSend: func(sent []mapping.Message) { told = append(told, sent[0].ID) }})
	for i := range 12 {
		send(t, q, fmt.Sprint(i))
	}
	messages := receive(t, q)
	if len(messages) != 10 || messages[0].Body != "0" || messages[9].Body != "9" || len(told) != 12 || told[0] != messages[0].ID {
		t.Errorf("received %v, told of %v", messages, told)
	}
	if more := receive(t, q); len(more) != 2 {
		t.Errorf("received %v", more)
	}
	for _, most := range []int{0, 11} {
		if _, err := q.Receive(t.Context(), most); err == nil {
			t.Errorf("%d messages can be received", most)
		}
	}
	if err := q.Delete(t.Context(), make([]mapping.Message, 11)); err == nil {
		t.Error("11 messages can be deleted at once")
	}
}

func TestABodyThatSQSWouldNotTakeKeepsTheWholeSendBack(t *testing.T) {
	q := memory.New(memory.Options{})
	for _, body := range []string{"", strings.Repeat("x", 1<<20+1)} {
		if err := q.Send(t.Context(), []handler.Message{{Body: "fine"}, {Body: body}}); err == nil || q.Len() != 0 {
			t.Errorf("%v: %d were sent", err, q.Len())
		}
	}
	send(t, q, strings.Repeat("x", 1<<20))
}
