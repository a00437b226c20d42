//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/bench/standin"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	manyUsers = 1000
	manyTakes = 10 * time.Second
)

// many is the first invocation of an instance, with manyUsers messages at once, if Junction takes manyTakes for each.
type many struct {
	Run  int
	Took time.Duration
	Peak float64 // MiB
}

func (b *bench) measureMany() error {
	for run := range b.some(3) {
		m, err := b.many()
		if err != nil {
			return err
		}
		m.Run = run + 1
		b.results.Many = append(b.results.Many, m)
	}
	took, peak := b.results.many()
	b.report.atMost("1,000 users in one invocation at 1,769 MB ÷ Junction's 10 s", "%.3f", took.Seconds()/manyTakes.Seconds(), 1.1, 1.4)
	b.report.atMost("highest resident memory of that invocation", "%.1f MiB", peak, 96, 128)
	return nil
}

func (b *bench) many() (m many, err error) {
	services, err := standin.NewServices(junction(manyTakes, usualSources), b.away)
	if err != nil {
		return m, err
	}
	defer services.Close()
	function := b.function(ours, services)
	function.Environ = append(function.Environ, fmt.Sprintf("MAX_CONCURRENCY=%d", manyUsers))
	instance, err := standin.Start(function, b.share, standin.WholeProcessor)
	if err != nil {
		return m, err
	}
	defer instance.Stop()
	if m.Took, err = instance.Invoke(queueEvent(0, manyUsers), `{"batchItemFailures":[]}`); err != nil {
		return m, err
	}
	m.Peak, err = instance.ResidentMiB("VmHWM")
	return m, err
}

// many returns the medians.
func (r *results) many() (took time.Duration, peak float64) {
	var times []time.Duration
	var peaks []float64
	for _, m := range r.Many {
		times, peaks = append(times, m.Took), append(peaks, m.Peak)
	}
	return median(times), median(peaks)
}

// teamSize is how many users a team has. Nine in ten generated users have a source.
const teamSize = 100_000

// measureTeam refreshes all users of a team: a first invocation, one for each page of users, and no refresh. It counts the
// messages, the invocations that follow from each other, and the memory.
func (b *bench) measureTeam() error {
	team := junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(teamSize), junctiontest.WithRepeatedUsers(0),
		junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithKeys("sk_us_bench"))
	services, err := standin.NewServices(team, standin.Distances{})
	if err != nil {
		return err
	}
	defer services.Close()
	instance, err := standin.Start(b.function(ours, services), b.share, standin.WholeProcessor)
	if err != nil {
		return err
	}
	defer instance.Stop()
	if _, err := instance.Invoke(`{"all_users":true,"timeout":30}`, `"status":"queued"`); err != nil {
		return err
	}
	depth, early := 2, 0.0
	waiting := services.Queue.Receive()
	for ; len(waiting) > 0 && strings.Contains(waiting[0], "all_users"); depth++ {
		for i, page := range waiting {
			body, _ := json.Marshal(page)
			event := fmt.Sprintf(`{"Records":[{"messageId":"m","receiptHandle":"h","eventSource":"aws:sqs","body":%s}]}`, body)
			if _, err := instance.Invoke(event, `{"batchItemFailures":[]}`); err != nil {
				return err
			}
			if i == len(waiting)/10 {
				if early, err = instance.ResidentMiB("VmRSS"); err != nil {
					return err
				}
			}
		}
		waiting = services.Queue.Receive()
	}
	late, err := instance.ResidentMiB("VmRSS")
	if err != nil {
		return err
	}
	users, repeated := 0, 0
	for body, n := range services.Queue.Sent() {
		if strings.HasPrefix(body, `{"user_id"`) {
			users, repeated = users+1, repeated+n-1
		}
	}
	connected := teamSize * 9 / 10
	b.report.atMost("all users of a team of 100,000: users missing or queued twice", "%.0f", math.Abs(float64(connected-users))+float64(repeated), 0, 0)
	b.report.atMost("all users: invocations that follow from each other", "%.0f", float64(depth), 3, 3)
	b.report.atMost("all users: memory after all pages ÷ after a tenth", "%.3f", late/early, 1.2, 1.5)
	return nil
}
