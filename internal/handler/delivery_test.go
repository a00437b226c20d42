package handler_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// delivery returns a webhook with an ID in one of the two headers for it.
func delivery(header, id, body string) string {
	return awstest.Request{Path: "/webhooks", Header: http.Header{header: {id}}, Body: body}.HTTPAPI()
}

func TestARepeatedDeliveryIsAnsweredAsBeforeAndDoesNothingAgain(t *testing.T) {
	for _, header := range []string{"webhook-id", "svix-id"} {
		t.Run(header, func(t *testing.T) {
			f := newFunction(withDeliveries(newDeliveries()))
			first := f.answer(t, delivery(header, "msg_1", userDocument))
			second := f.answer(t, delivery(header, "msg_1", userDocument))
			if diff := cmp.Diff(string(first), string(second)); diff != "" {
				t.Errorf("it is answered otherwise (-first +second):\n%s", diff)
			}
			if calls := len(f.refresher.asked); calls != 1 {
				t.Errorf("%d refreshes, want 1", calls)
			}
			f.answer(t, delivery(header, "msg_2", userDocument))
			if calls := len(f.refresher.asked); calls != 2 {
				t.Errorf("%d refreshes after another delivery, want 2", calls)
			}
		})
	}
}

func TestOnlyADeliveryThatNeedsNoRetryIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		id, body   string
		failure    *result.Failure
		remembered int
	}{
		"a success":                     {"msg_1", userDocument, nil, 1},
		"a permanent refusal":           {"msg_1", userDocument, result.Fail(result.NoConnectedSources, "x"), 1},
		"a retryable failure":           {"msg_1", userDocument, result.Fail(result.UpstreamUnavailable, "x"), 0},
		"many with a retryable failure": {"msg_1", `{"user_ids":["` + other + `","` + user + `"]}`, result.Fail(result.RateLimited, "x"), 0},
		"a delivery without an ID":      {"", userDocument, nil, 0},
		"an ignored one, which is free": {"msg_1", `{"event_type":"daily.data.x","team_id":"t"}`, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeliveries()
			f := newFunction(withDeliveries(d))
			if c.failure != nil {
				f.refresher.fails[user] = c.failure
			}
			f.answer(t, delivery("webhook-id", c.id, c.body))
			if len(d.answers) != c.remembered {
				t.Errorf("%d deliveries are remembered, want %d", len(d.answers), c.remembered)
			}
		})
	}
}

func TestARefreshThatAnotherInstanceIsMakingIsNotRemembered(t *testing.T) {
	d := newDeliveries()
	f := newFunction(withDeliveries(d))
	f.refresher.inFlight = true
	f.http(t, delivery("webhook-id", "msg_1", userDocument)).wantStatus(t, http.StatusAccepted)
	if len(d.answers) != 0 {
		t.Errorf("%d deliveries are remembered, want none", len(d.answers))
	}
}

func TestIfTheMemoryCannotBeReachedADeliveryIsProcessed(t *testing.T) {
	d := newDeliveries()
	d.err = errors.New("no table")
	f := newFunction(withDeliveries(d))
	f.http(t, delivery("webhook-id", "msg_1", userDocument)).wantStatus(t, http.StatusOK)
	if n := strings.Count(f.log.String(), "no table"); n != 2 {
		t.Errorf("%d warnings, want one for the lookup and one for the write:\n%s", n, f.log)
	}
}
