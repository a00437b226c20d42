package test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// share refuses a share of the entries with one of the codes.
func share(rate float64, codes ...string) junctiontest.Fault {
	return refuseEntries(func(int, string) string {
		if rand.Float64() < rate {
			return codes[rand.IntN(len(codes))]
		}
		return ""
	})
}

// fail puts faults in the way of everything that the function calls.
func (s *soak) fail() {
	for i := range stubborn {
		s.fleet.junction.InjectFor(junctiontest.GeneratedUserID(i), junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	}
	s.fleet.junction.InjectWhen(func(*http.Request) bool { return true }, junctiontest.Always, sometimes(0.15,
		junctiontest.Status(http.StatusServiceUnavailable), junctiontest.ResetConnection(), junctiontest.Latency(200*time.Millisecond)))
	s.inject("SendMessageBatch", junctiontest.Always, share(0.02, "InternalError", "ServiceUnavailable"))
	s.inject("PutEvents", junctiontest.Always, sometimes(0.2, junctiontest.Status(http.StatusInternalServerError),
		junctiontest.ResetConnection(), share(0.3, "ThrottlingException", "InternalFailure", "NotAuthorizedForSourceException")))
	s.inject("ChangeMessageVisibilityBatch", junctiontest.Always, sometimes(0.1, junctiontest.Status(http.StatusInternalServerError)))
}

// unrest kills a process after every so many calls of Junction, in whatever it is doing, and starts it again.
// Secrets Manager is out of reach for a third of the time: a process that is started then has no key.
func (s *soak) unrest(ctx context.Context, t *testing.T) {
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			s.inject("GetSecretValue", junctiontest.Always, junctiontest.Status(http.StatusInternalServerError))
			s.outages.Add(1)
			wait(ctx, 2*time.Second)
			s.relent("GetSecretValue")
			wait(ctx, 4*time.Second)
		}
	})
	for next := s.killEvery; ctx.Err() == nil; wait(ctx, 2*time.Millisecond) {
		if s.fleet.junction.Total() < next || s.kills.Load() == s.killMost {
			continue
		}
		m := s.members[rand.IntN(instances)]
		m.kill()
		s.kills.Add(1)
		if err := m.start(); err != nil {
			t.Error(err)
		}
		next = s.fleet.junction.Total() + s.killEvery
	}
	all.Wait()
}
