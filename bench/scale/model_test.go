package main

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.005*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// The expected values are worked out by hand, from the prices alone.
func TestAMillionRefreshesByOneInvocationEach(t *testing.T) {
	t.Parallel()
	c := setting{batch: 1, concurrency: 1, upstream: 10, memory: 1769}.perMillion()
	near(t, "Lambda's time", c.compute, 1e6*10.102*1769/1024*0.0000133334)
	near(t, "Lambda's requests", c.requests, 0.20)
	near(t, "SQS", c.queue, 0.04+0.40+0.40) // sent by tens, received and deleted one by one
	near(t, "EventBridge", c.bus, 1)
	near(t, "DynamoDB", c.table, 2.50)
}

func TestABatchWaitsForEachOfItsRounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		batch, rounds int
		fits          bool
	}{{1, 1, true}, {100, 1, true}, {101, 2, false}, {200, 2, false}} {
		s := of(tt.batch, 1, 60)
		if s.rounds() != tt.rounds || s.fits() != tt.fits {
			t.Errorf("a batch of %d has %d rounds, fits %t", tt.batch, s.rounds(), s.fits())
		}
	}
}

func TestMoreInvocationsAtOnceAreFasterInProportion(t *testing.T) {
	t.Parallel()
	near(t, "ten times as many", of(10, 100, 10).perHour(), 10*of(10, 10, 10).perHour())
	near(t, "the ramp to 1,000", of(10, 1000, 10).rampMinutes(), 995.0/300)
}

func TestNumbersAreShownAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 35294: "35,300", 999_600: "1,000,000", 1_764_705: "1,760,000"} {
		if got := rounded(n); got != want {
			t.Errorf("%g is shown as %s, want %s", n, got, want)
		}
	}
	for seconds, want := range map[float64]string{9: "9 s", 600: "10 min", 9000: "2.5 h"} {
		if got := took(seconds); got != want {
			t.Errorf("%g s is shown as %s, want %s", seconds, got, want)
		}
	}
}
