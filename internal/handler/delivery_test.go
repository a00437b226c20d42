package handler_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// deliveries is a memory of answers that can fail.
type deliveries struct {
	answers map[string][]byte
	err     error
}

func (d *deliveries) Answer(_ context.Context, id string) ([]byte, error) {
	return d.answers[id], d.err
}

func (d *deliveries) Remember(_ context.Context, id string, answer []byte) error {
	if d.err == nil {
		d.answers[id] = answer
	}
	return d.err
}

// delivery is a webhook under an ID.
func delivery(header, id, body string) string {
	return strings.Replace(v2("POST", "/webhooks", "", body, gateway), `"headers":{`, `"headers":{"`+header+`":"`+id+`",`, 1)
}

func remembering() (function, *deliveries) {
	d := &deliveries{answers: map[string][]byte{}}
	return newFunction(func(o *handler.Options) { o.Deliveries = d }), d
}

func TestADeliveryThatWasAcceptedIsAnsweredAsBeforeAndDoesNothingAgain(t *testing.T) {
	for _, header := range []string{"webhook-id", "svix-id"} {
		f, _ := remembering()
		first, err := f.invoke(t, delivery(header, "msg_1", `{"user_id":"`+user+`"}`))
		second, _ := f.invoke(t, delivery(header, "msg_1", `{"user_id":"`+user+`"}`))
		if err != nil || !bytes.Equal(first, second) || len(f.refresher.asked) != 1 {
			t.Errorf("%s: %d refreshes, answered %s and %s", header, len(f.refresher.asked), first, second)
		}
		_, _ = f.invoke(t, delivery(header, "msg_2", `{"user_id":"`+user+`"}`))
		if len(f.refresher.asked) != 2 {
			t.Error("another delivery was taken for the first")
		}
	}
}

func TestOnlyADeliveryWhoseWorkIsSettledIsRemembered(t *testing.T) {
	hook := `{"user_id":"` + user + `"}`
	for name, c := range map[string]struct {
		id, body string
		failure  *result.Failure
		want     int
	}{
		"a success":                      {"msg_1", hook, nil, 1},
		"a permanent refusal":            {"msg_1", hook, result.Fail(result.NoConnectedSources, "x"), 1},
		"a failure to be tried again":    {"msg_1", hook, result.Fail(result.UpstreamUnavailable, "x"), 0},
		"many of which one can be again": {"msg_1", `{"user_ids":["` + other + `","` + user + `"]}`, result.Fail(result.RateLimited, "x"), 0},
		"a delivery without an ID":       {"", hook, nil, 0},
		"an ignored one, which is free":  {"msg_1", `{"event_type":"daily.data.x","team_id":"t"}`, nil, 0},
	} {
		f, d := remembering()
		if c.failure != nil {
			f.refresher.fails[user] = c.failure
		}
		if _, err := f.invoke(t, delivery("webhook-id", c.id, c.body)); err != nil || len(d.answers) != c.want {
			t.Errorf("%s: %d are remembered, want %d (%v)", name, len(d.answers), c.want, err)
		}
	}
}

func TestARefreshThatSomebodyElseMakesIsNotRemembered(t *testing.T) {
	f, d := remembering()
	f.refresher.inFlight = true
	if answer, err := f.invoke(t, delivery("webhook-id", "msg_1", `{"user_id":"`+user+`"}`)); readHTTP(t, answer, err).StatusCode != 202 || len(d.answers) != 0 {
		t.Errorf("%s", answer)
	}
}

func TestAMemoryThatCannotBeAskedStopsNoDelivery(t *testing.T) {
	f, d := remembering()
	d.err = errors.New("no table")
	answer, err := f.invoke(t, delivery("webhook-id", "msg_1", `{"user_id":"`+user+`"}`))
	if readHTTP(t, answer, err).StatusCode != 200 || strings.Count(f.log.String(), "no table") != 2 {
		t.Errorf("%s\n%s", answer, f.log)
	}
}
