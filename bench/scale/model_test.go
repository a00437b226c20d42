package main

import (
	"fmt"
	"math"
	"testing"
)

func wantNear(t *testing.T, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.005*math.Abs(want) {
		t.Errorf("got %g, want %g", got, want)
	}
}

// The expected values are computed by hand, from the prices alone.
func TestCostOfAMillionRefreshesWithBatchesOfOne(t *testing.T) {
	t.Parallel()
	c := setting{batch: 1, concurrency: 1, upstream: 10, memory: 1769}.perMillion()
	for name, amount := range map[string]struct{ got, want float64 }{
		"Lambda, time":     {c.compute, 1e6 * 10.1008 * 1769 / 1024 * 0.0000133334},
		"Lambda, requests": {c.requests, 0.20},
		"SQS":              {c.queue, 0.04 + 0.40 + 0.40}, // sent in tens, received and deleted singly
		"EventBridge":      {c.bus, 1},
		"DynamoDB":         {c.table, 1.25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantNear(t, amount.got, amount.want)
		})
	}
}

func TestCostOfAMillionFollowUpsOfTwoLooks(t *testing.T) {
	t.Parallel()
	c := followUps(2, 10)
	for name, amount := range map[string]struct{ got, want float64 }{
		"Lambda, time":     {c.compute, 2e5 * (0.5 + 0.1 + 0.008*1769/128) * 128 / 1024 * 0.0000133334},
		"Lambda, requests": {c.requests, 0.04},
		"SQS":              {c.queue, 0.80 + 0.08 + 0.08}, // sent singly, received and deleted in tens
		"EventBridge":      {c.bus, 1},
		"DynamoDB":         {c.table, 0.625},
		"logs":             {c.logs, (3*500e6 + 2e5*600 + 1e5*(450+9*8)) / (1 << 30) * 0.50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantNear(t, amount.got, amount.want)
		})
	}
}

func TestABatchWaitsForEachOfItsRounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		batch, rounds int
		fits          bool
	}{{1, 1, true}, {100, 1, true}, {101, 2, false}, {200, 2, false}} {
		t.Run(fmt.Sprintf("batch of %d", c.batch), func(t *testing.T) {
			t.Parallel()
			if s := of(c.batch, 1, 60); s.rounds() != c.rounds || s.fits() != c.fits {
				t.Errorf("%d rounds and fits %t, want %d and %t", s.rounds(), s.fits(), c.rounds, c.fits)
			}
		})
	}
}

func TestUsersPerHourAreProportionalToTheConcurrency(t *testing.T) {
	t.Parallel()
	wantNear(t, of(10, 100, 10).perHour(), 10*of(10, 10, 10).perHour())
}

func TestTheRampUpTo1000InvocationsTakesAboutThreeMinutes(t *testing.T) {
	t.Parallel()
	wantNear(t, of(10, 1000, 10).rampMinutes(), 995.0/300)
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0": rounded(0), "999": rounded(999), "1,000": rounded(1000), "35,300": rounded(35294), "1,000,000": rounded(999_600), "1,760,000": rounded(1_764_705),
		"9 s": duration(9), "10 min": duration(600), "2.5 h": duration(9000),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
