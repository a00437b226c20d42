package quota

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

const (
	webhooks     = 1000
	deliverIn    = 8 * time.Second
	answerWithin = 10 * time.Second // for all of them
)

func TestThousandWebhooksForOneUserMakeOneCall(t *testing.T) {
	f := harness.NewFleet(t, 20*time.Second, nil)
	f.Junction.InjectFor(junctiontest.CompletedUserID, junctiontest.Always, junctiontest.Latency(time.Second))
	began := time.Now()
	first := deliver(t, f)
	if took := time.Since(began); took > answerWithin {
		t.Errorf("it took %v, want at most %v", took, answerWithin)
	}
	final := checkAnswered(t, first)
	checkOneCall(t, f)
	checkAnsweredAgain(t, f, first, deliver(t, f), final)
	checkOneCall(t, f)
}

// deliver sends all webhooks, spread over a time and over the fleet, and returns the answers.
func deliver(t *testing.T, f *harness.Fleet) [][]byte {
	t.Helper()
	events := make([]string, webhooks)
	for i := range events {
		events[i] = awstest.Request{
			Path: "/webhooks", Header: http.Header{"Webhook-Id": {fmt.Sprintf("msg_%d", i)}}, Body: `{"user_id":"` + junctiontest.CompletedUserID + `"}`,
		}.HTTPAPI()
	}
	answers := make([][]byte, webhooks)
	var sending sync.WaitGroup
	for i, event := range events {
		sending.Go(func() {
			time.Sleep(time.Duration(rand.Int64N(int64(deliverIn))))
			answers[i], _ = f.Members[rand.IntN(harness.Instances)].Invoke(event)
		})
	}
	sending.Wait()
	return answers
}

// checkAnswered checks that each webhook was answered with success, and reports which answers are final: not those
// of a refresh in flight.
func checkAnswered(t *testing.T, answers [][]byte) (final []bool) {
	t.Helper()
	final, seen := make([]bool, webhooks), map[string]int{}
	for i, answer := range answers {
		response := harness.ReadResponse(t, answer)
		got := harness.Decode[harness.Result](t, []byte(response.Body))
		if !got.Success || response.Status != http.StatusOK && response.Status != http.StatusAccepted {
			t.Errorf("webhook %d is answered %s", i, answer)
		}
		final[i] = response.Status == http.StatusOK
		seen[fmt.Sprintf("%d %s coalesced=%t", response.Status, got.Status, got.Coalesced)]++
	}
	t.Logf("the answers: %v", seen)
	return final
}

// checkOneCall checks that Junction was called once, apart from calls for which the table did not answer in time.
func checkOneCall(t *testing.T, f *harness.Fleet) {
	t.Helper()
	// The one call may itself be among the ungated: its lease was granted late.
	if calls, ungated := f.Junction.Total(), len(f.Ungated()); calls < 1 || calls > 1+ungated {
		t.Errorf("%d calls, want 1, and %d ungated", calls, ungated)
	}
}

// checkAnsweredAgain checks that a delivery with a final answer gets the same answer again, and that any other is
// coalesced now, apart from deliveries that could not be looked up or stored in time.
func checkAnsweredAgain(t *testing.T, f *harness.Fleet, first, second [][]byte, final []bool) {
	t.Helper()
	different, failed := 0, f.FailedDeliveryLookups()
	for i, answer := range second {
		switch {
		case final[i] && !bytes.Equal(answer, first[i]):
			if different++; different == 1 {
				t.Logf("webhook %d is answered %s the second time, and was %s", i, answer, first[i])
			}
		case !final[i] && !bytes.Contains(answer, []byte(`\"coalesced\":true`)) && failed == 0:
			t.Errorf("webhook %d, in flight the first time, is answered %s", i, answer)
		}
	}
	if different > failed {
		t.Errorf("%d webhooks are answered differently the second time, and only %d lookups failed", different, failed)
	}
}
