package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestFollowShowsEachSourceAndAnswersWhetherLastAttemptMoves(t *testing.T) {
	got := local(t, "refresh", "--follow", "--speed", "100000", "client:app-user-slow", junctiontest.ReconnectUserID)
	got.mustExit(t, exitOK)
	mustContain(t, got.stderr, " client:app-user-slow in progress: garmin/activity, garmin/sleep\n",
		" client:app-user-slow garmin/sleep: last_attempt moved to success at ", " after the refresh began\n",
		" "+junctiontest.ReconnectUserID+" oura/sleep: last_attempt moved to failure at ")
	mustContain(t, got.stdout, "2 users in ", ": 1 completed, 0 in progress, 1 partial, 0 failed\n", "\nclient:app-user-slow: completed, ",
		"; last_attempt moved for 2 of 2 sources\n",
		"\nYes, the refresh moved last_attempt at the simulator: it moved for 4 of 4 sources of 2 users.\n")
}

func TestFollowAnswersForJunctionItself(t *testing.T) {
	junction := junctiontest.New(junctiontest.WithKeys(ownKey), junctiontest.WithSpeed(100000))
	server, err := junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	environ := []string{`JUNCTION_API_KEY={"api_key":"` + ownKey + `"}`, "JUNCTION_BASE_URL=" + server.URL()}
	got := localWith(t, "", environ, "refresh", "--live", "--follow", "--json", "--timeout", "5", junctiontest.SlowUserID, "--config", "FOLLOW_UP=1s")
	got.mustExit(t, exitOK)
	mustContain(t, got.stderr, "\nYes, the refresh moved last_attempt at Junction: it moved for 2 of 2 sources of 1 user.\n")
	mustNotContain(t, got.stdout+got.stderr, ownKey)
	var row struct {
		Status  string
		Watched struct{ Looks, Sources, Listed, Moved, Early int }
	}
	if err := json.Unmarshal([]byte(got.stdout), &row); err != nil || row.Status != "completed" || row.Watched.Looks == 0 ||
		row.Watched.Sources != 2 || row.Watched.Listed != 2 || row.Watched.Moved != 2 || row.Watched.Early != 0 {
		t.Errorf("%v: %s", err, got.stdout)
	}
	if calls := junction.Calls(junctiontest.SlowUserID); calls != 1 {
		t.Errorf("%d refreshes", calls)
	}
}

func TestFollowDoesNotWatchARefreshThatFailed(t *testing.T) {
	got := local(t, "refresh", "--follow", junctiontest.NoSourcesUserID, "not-an-id", "client:nobody")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "\nWhether a refresh moves last_attempt at the simulator is still not known: no refresh was answered with sources to look at.\n")
}

// fakeJunction answers as its functions say.
type fakeJunction struct {
	attempts    func() ([]result.Attempt, error)
	connections []result.Connection
}

func (fakeJunction) Resolve(context.Context, sensitive.String, string) (string, error) {
	return junctiontest.SlowUserID, nil
}

func (f fakeJunction) LastAttempts(context.Context, sensitive.String, string) ([]result.Attempt, error) {
	return f.attempts()
}

func (f fakeJunction) Connections(context.Context, sensitive.String, string) ([]result.Connection, error) {
	if f.connections == nil {
		return nil, errors.New("no connections")
	}
	return f.connections, nil
}

// attempts has one attempt per resource, all of garmin.
func attempts(success bool, at time.Time, resources ...string) (all []result.Attempt) {
	for _, resource := range resources {
		all = append(all, result.Attempt{Provider: "garmin", Resource: resource, Success: success, At: at})
	}
	return all
}

func TestWatchingEndsWithTheSourcesOrThePauses(t *testing.T) {
	const both = "activity sleep"
	refreshed := result.Answer{Status: 200, Refreshed: []string{"garmin/activity", "garmin/sleep"}}
	running := result.Answer{Status: 202, InProgress: refreshed.Refreshed}
	down := errors.New("Junction is down")
	for _, test := range []struct {
		name    string
		answer  result.Answer
		seen    func(since time.Duration, began time.Time) ([]result.Attempt, error) // since the refresh began; below 0 before it
		took    time.Duration
		status  result.Status
		ended   bool   // with an answer: exit status 0
		verdict string // the sentence
		shown   string // on the way, or of the end
	}{
		{"both end between two looks", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			if since < 45*time.Second {
				return attempts(true, began.Add(-time.Hour), strings.Fields(both)...), nil
			}
			return attempts(true, began.Add(45*time.Second), strings.Fields(both)...), nil
		}, 90 * time.Second, result.Completed, true,
			"Yes, the refresh moved last_attempt at Junction: it moved for 2 of 2 sources of 1 user.", " u 2 sources in progress, look in 1m0s\n"},
		{"one fails, and the user has to reconnect", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			if since < 0 {
				return nil, nil
			}
			return slices.Concat(attempts(true, began, "activity"), attempts(false, began, "sleep")), nil
		}, 0, result.Partial, true,
			"Yes, the refresh moved last_attempt at Junction: it moved for 2 of 2 sources of 1 user.", " u garmin/sleep: last_attempt moved to failure at "},
		{"one never ends", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			if since < 0 {
				return attempts(true, began.Add(-time.Hour), "activity"), nil
			}
			return attempts(true, began.Add(time.Second), "activity"), nil
		}, 210 * time.Second, result.InProgress, false,
			"Yes, the refresh moved last_attempt at Junction: it moved for 1 of 2 sources of 1 user.",
			"u: in_progress still: Junction has not said how garmin/sleep ended, 3m30s after the refresh began and with 4 looks; " +
				"last_attempt moved for 1 of 2 sources, and 1 of them had none\n"},
		{"none moves", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			return attempts(true, began.Add(-time.Hour), strings.Fields(both)...), nil
		}, 210 * time.Second, result.InProgress, false,
			"No, the refresh moved no last_attempt at Junction: it had moved for none of 2 sources of 1 user at the last look, 3m30s after the refresh began.", ""},
		{"none moves after a refresh that ended in the call", refreshed, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			return attempts(true, began.Add(-time.Hour), strings.Fields(both)...), nil
		}, 210 * time.Second, result.Completed, false,
			"No, the refresh moved no last_attempt at Junction: it had moved for none of 2 sources of 1 user at the last look, 3m30s after the refresh began.",
			" u no last_attempt has moved, look in 30s\n"},
		{"Junction's clock is behind", refreshed, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			return attempts(true, began.Add(min(since, 0)-time.Minute), strings.Fields(both)...), nil
		}, 0, result.Completed, true,
			"Yes, but the refresh moved last_attempt at Junction to a time before it began, which a follow-up does not count: for 2 of 2 sources of 1 user.",
			", 1m0s before the refresh began, which does not count as its end\n"},
		{"Junction's times have no fractions", refreshed, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			if since < 0 {
				return nil, down
			}
			return attempts(true, began.Truncate(time.Second), strings.Fields(both)...), nil
		}, 0, result.Completed, true,
			"Yes, the refresh moved last_attempt at Junction: it moved for 2 of 2 sources of 1 user.", ", under 1ms after the refresh began\n"},
		{"Junction lists none of the sources", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			return attempts(true, began, "another"), nil
		}, 210 * time.Second, result.InProgress, false,
			"Whether a refresh moves last_attempt at Junction is still not known: there is no last_attempt for any of 2 sources of 1 user.", ""},
		{"no look succeeds", running, func(time.Duration, time.Time) ([]result.Attempt, error) { return nil, down },
			210 * time.Second, result.InProgress, false,
			"Whether a refresh moves last_attempt at Junction is still not known: the looks failed (Junction is down).", " u the look failed: Junction is down\n"},
		{"a look fails", running, func(since time.Duration, began time.Time) ([]result.Attempt, error) {
			if since < time.Second {
				return nil, down
			}
			return attempts(true, began.Add(time.Second), strings.Fields(both)...), nil
		}, 30 * time.Second, result.Completed, true,
			"Yes, the refresh moved last_attempt at Junction: it moved for 2 of 2 sources of 1 user.", " u the look failed: Junction is down\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Add(10*time.Second + time.Millisecond) // the refresh comes after the first question
				var shown bytes.Buffer
				w := &watcher{
					junction: fakeJunction{
						attempts:    func() ([]result.Attempt, error) { return test.seen(time.Since(began), began) },
						connections: []result.Connection{{Provider: "garmin", Broken: true, Reason: "token_refresh_failed"}},
					},
					pauses: []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}, explain: true, printer: watchPrinter{newScreen(&shown, true)},
					refresh: func(context.Context, string) result.Result {
						time.Sleep(time.Until(began))
						out := result.From(junctiontest.SlowUserID, test.answer)
						out.StartedAt, out.RequestID = began, "r"
						return out
					},
				}
				o := w.outcome(t.Context(), junctiontest.SlowUserID)
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				if o.Status != test.status || o.RequestID != "r" {
					t.Errorf("the result is %+v", o.Result)
				}
				if o.Status == result.Partial && o.Sources[1].Reason != "token_refresh_failed" {
					t.Errorf("the failed source is %+v", o.Sources[1])
				}
				o.User = "u"
				if ended := printVerdict(newScreen(&shown, true), []outcome{o}, true); ended != test.ended {
					t.Errorf("it ended: %v", ended)
				}
				text := strings.ReplaceAll(shown.String(), " "+junctiontest.SlowUserID+" ", " u ")
				mustContain(t, text, "\n"+test.verdict+"\n", test.shown)
			})
		})
	}
}

func TestAFailureStaysUnexplainedIfJunctionDoesNotSayWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{
			junction: fakeJunction{attempts: func() ([]result.Attempt, error) { return attempts(false, time.Now(), "activity", "sleep"), nil }},
			pauses:   []time.Duration{time.Second}, explain: true, printer: watchPrinter{newScreen(&bytes.Buffer{}, true)},
			refresh: func(context.Context, string) result.Result {
				time.Sleep(time.Second)
				return slow()
			},
		}
		if o := w.outcome(t.Context(), "client:x"); o.Status != result.Partial || o.Sources[0].Reconnect {
			t.Errorf("the result is %+v", o.Result)
		}
	})
}

func TestCtrlCEndsTheWatchingAndWhatIsKnownIsPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var shown bytes.Buffer
		old := time.Now().Add(-time.Hour)
		w := &watcher{
			junction: fakeJunction{attempts: func() ([]result.Attempt, error) { return attempts(true, old, "activity", "sleep"), nil }},
			pauses:   []time.Duration{time.Minute}, printer: watchPrinter{newScreen(&bytes.Buffer{}, true)},
			refresh: func(context.Context, string) result.Result { return slow() },
		}
		began := time.Now()
		o := w.outcome(ctx, "client:x")
		if took := time.Since(began); took != 10*time.Second || o.Status != result.InProgress {
			t.Errorf("it took %v: %+v", took, o.Result)
		}
		if printVerdict(newScreen(&shown, true), []outcome{o}, false) {
			t.Error("it did not fail")
		}
		mustContain(t, shown.String(), "\nWhether a refresh moves last_attempt at the simulator is still not known: "+
			"it had moved for none of 2 sources of 1 user at the last look, under 1ms after the refresh began.\n")
	})
}
