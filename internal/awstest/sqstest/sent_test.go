package sqstest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

func TestAMessageWithADelayIsReportedWithItAndReceivedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []sqstest.Sent
		q := sqstest.NewQueue(sqstest.QueueOptions{WaitTime: time.Hour, OnSend: func(messages []sqstest.Sent) { sent = append(sent, messages...) }})
		if err := q.Send(t.Context(), []handler.Message{{Body: "x", Delay: 30 * time.Second}}); err != nil {
			t.Fatal(err)
		}
		if len(sent) != 1 || sent[0].Delay != 30*time.Second || sent[0].Body != "x" {
			t.Errorf("reported %+v", sent)
		}
		began := time.Now()
		messages, err := q.Receive(t.Context(), 1)
		if err != nil || len(messages) != 1 || messages[0].ID != sent[0].ID || time.Since(began) != 30*time.Second {
			t.Errorf("received %+v, %v after %v", messages, err, time.Since(began))
		}
	})
}

func TestADelayThatSQSRefusesIsNotSent(t *testing.T) {
	for name, delay := range map[string]time.Duration{"below 0": -1, "over 15 minutes": 15*time.Minute + time.Second} {
		t.Run(name, func(t *testing.T) {
			q := sqstest.NewQueue(sqstest.QueueOptions{})
			if err := q.Send(t.Context(), []handler.Message{{Body: "x"}, {Body: "y", Delay: delay}}); err == nil || q.Len() != 0 {
				t.Errorf("%v, and %d messages are on the queue", err, q.Len())
			}
		})
	}
}
