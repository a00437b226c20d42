// Command quota measures how much time the quota adds to a refresh, in memory and in DynamoDB (a stand-in on this
// machine), compared with no quota. The exit status is 1 if the quota in memory exceeds its limit. The times of
// DynamoDB include the stand-in, and not the network and the service.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/secret"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

const (
	maxInMemory = 100 * time.Microsecond // how much the quota in memory may add to a refresh

	warmupRounds = 300
	rounds       = 1000
)

var rules = quota.Rules{Limit: 8, Window: time.Hour, Coalesce: time.Minute}

// instant is a stand-in for Junction that answers at once.
type instant struct{}

func (instant) Check(sensitive.String) error { return nil }

func (instant) Refresh(context.Context, sensitive.String, string, float64) (result.Answer, error) {
	return result.Answer{Status: 200, Refreshed: []string{"withings/body", "withings/sleep", "oura/sleep"}}, nil
}

func (instant) Resolve(context.Context, sensitive.String, string) (string, error) {
	return "", errors.New("not called")
}

func (instant) LastAttempts(context.Context, sensitive.String, string) ([]result.Attempt, error) {
	return nil, errors.New("not called")
}

func (instant) Connections(context.Context, sensitive.String, string) ([]result.Connection, error) {
	return nil, errors.New("not called")
}

func (instant) List(context.Context, sensitive.String, int, int) (result.Page, error) {
	return result.Page{}, errors.New("not called")
}

// candidate is a way to keep the quota, with the durations of its refreshes.
type candidate struct {
	name               string
	refresher          *refresh.Refresher
	granted, coalesced []time.Duration
}

func newCandidate(name string, gate refresh.Gate) *candidate {
	keys := secret.New(secret.Static(sensitive.New("sk_us_bench")), time.Hour)
	return &candidate{name: name, refresher: refresh.New(instant{}, keys, refresh.Options{Gate: gate})}
}

// refresh makes one refresh, and returns how long it took.
func (c *candidate) refresh(user string, coalesced bool) (time.Duration, error) {
	began := time.Now()
	out := c.refresher.Refresh(context.Background(), refresh.Request{UserID: user, Timeout: 10, Budget: refresh.NewBudget(began, began.Add(time.Minute), 0)})
	took := time.Since(began)
	if !out.Success || out.Degraded != nil || out.Coalesced != coalesced {
		return took, fmt.Errorf("%s: coalesced %t, %s: %w", c.name, out.Coalesced, out.Error, out.Degraded)
	}
	return took, nil
}

// measure refreshes a new user twice. With a quota, the first refresh is granted and the second is coalesced.
func (c *candidate) measure(gated bool) error {
	user := uuid.NewString()
	first, err := c.refresh(user, false)
	if err != nil {
		return err
	}
	second, err := c.refresh(user, gated)
	c.granted, c.coalesced = append(c.granted, first), append(c.coalesced, second)
	return err
}

func main() {
	passed, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if !passed {
		os.Exit(1)
	}
}

func run() (passed bool, err error) {
	none, memory := newCandidate("no quota", nil), newCandidate("in memory", quota.NewMemory(rules))
	all := []*candidate{none, memory}
	endpoint, stop, err := dynamodb.Start()
	if err != nil {
		fmt.Println("the quota in DynamoDB is not measured:", err)
	} else {
		defer stop()
		client := dynamodb.Client(endpoint)
		if err := dynamodb.CreateTable(context.Background(), client, "bench"); err != nil {
			return false, err
		}
		table := quota.NewDynamo(rules, func() (quota.Table, error) { return client, nil }, "bench")
		all = append(all, newCandidate("in DynamoDB, on this machine", table))
	}
	for round := range warmupRounds + rounds {
		if round == warmupRounds {
			for _, c := range all {
				c.granted, c.coalesced = nil, nil
			}
		}
		for _, c := range all { // in turns, so that other load on the machine affects all
			if err := c.measure(c != none); err != nil && round >= warmupRounds {
				return false, err
			}
		}
	}
	base := sorted(none.granted)
	fmt.Printf("a refresh without a quota takes %v, in addition to Junction's time\n", median(base))
	for _, c := range all[1:] {
		granted := sorted(c.granted)
		coalesced := sorted(c.coalesced)
		fmt.Printf("quota %-28s adds %8v to a refresh (%.0f × one without), 95th percentile %v; a coalesced refresh takes %v\n", c.name,
			median(granted)-median(base), float64(median(granted))/float64(median(base)), granted[len(granted)*19/20], median(coalesced))
	}
	added := median(sorted(memory.granted)) - median(base)
	if added > maxInMemory {
		fmt.Printf("the quota in memory adds %v, more than the limit of %v\n", added, maxInMemory)
	}
	return added <= maxInMemory, nil
}

func sorted(times []time.Duration) []time.Duration { return slices.Sorted(slices.Values(times)) }

func median(times []time.Duration) time.Duration { return times[len(times)/2] }
