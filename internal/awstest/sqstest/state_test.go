package sqstest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
)

func TestTheStateOfAQueueIsThatOfItsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: time.Minute})
		want := func(want sqstest.State) {
			t.Helper()
			if diff := cmp.Diff(want, q.State()); diff != "" {
				t.Errorf("the state (-want +got):\n%s", diff)
			}
		}
		want(sqstest.State{})
		if err := q.Send(t.Context(), []handler.Message{{Body: "now"}, {Body: "later", Delay: 10 * time.Minute}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		want(sqstest.State{Visible: 1, Delayed: 1, Oldest: 5 * time.Second})
		for range 2 {
			receiveOne(t, q)
			want(sqstest.State{InFlight: 1, Delayed: 1, Oldest: q.State().Oldest})
			time.Sleep(time.Minute)
		}
		want(sqstest.State{Visible: 1, Delayed: 1, Oldest: 2*time.Minute + 5*time.Second})
		receiveOne(t, q) // for the third time
		want(sqstest.State{InFlight: 1, Delayed: 1})
		time.Sleep(10 * time.Minute)
		want(sqstest.State{Visible: 2, Oldest: 12*time.Minute + 5*time.Second})
	})
}
