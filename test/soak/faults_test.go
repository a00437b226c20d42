package soak

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// rejectShare rejects a share of the entries with one of the codes.
func rejectShare(rate float64, codes ...string) junctiontest.Fault {
	return harness.RejectEntries(func(int, string) string {
		if rand.Float64() < rate {
			return codes[rand.IntN(len(codes))]
		}
		return ""
	})
}

// injectFaults makes everything that the function calls fail at times.
func (s *soak) injectFaults() {
	unavailable := junctiontest.Status(http.StatusServiceUnavailable)
	down := junctiontest.Status(http.StatusInternalServerError)
	for i := range unrefreshable {
		s.Junction.InjectFor(junctiontest.GeneratedUserID(i), junctiontest.Always, unavailable)
	}
	s.Junction.InjectWhen(func(*http.Request) bool { return true }, junctiontest.Always,
		harness.Sometimes(0.15, unavailable, junctiontest.ResetConnection(), junctiontest.Latency(200*time.Millisecond)))
	s.Inject("SendMessageBatch", junctiontest.Always, rejectShare(0.02, "InternalError", "ServiceUnavailable"))
	s.Inject("PutEvents", junctiontest.Always, harness.Sometimes(0.2, down, junctiontest.ResetConnection(),
		rejectShare(0.3, "ThrottlingException", "InternalFailure", "NotAuthorizedForSourceException")))
	s.Inject("ChangeMessageVisibilityBatch", junctiontest.Always, harness.Sometimes(0.1, down))
}

// takeSecretsManagerDown makes Secrets Manager unavailable for a third of the time: a process that starts then has no
// key.
func (s *soak) takeSecretsManagerDown(ctx context.Context) {
	for ctx.Err() == nil {
		s.Inject("GetSecretValue", junctiontest.Always, junctiontest.Status(http.StatusInternalServerError))
		s.outages.Add(1)
		harness.Pause(ctx, 2*time.Second)
		s.ClearFaults("GetSecretValue")
		harness.Pause(ctx, 4*time.Second)
	}
}

// killProcesses kills a process after every so many calls of Junction, whatever it is doing, and starts it again.
func (s *soak) killProcesses(ctx context.Context, t *testing.T) {
	for next := s.killEvery; ctx.Err() == nil; harness.Pause(ctx, 2*time.Millisecond) {
		if s.Junction.Total() < next || s.kills.Load() == s.maxKills {
			continue
		}
		m := s.Members[rand.IntN(harness.Instances)]
		m.Kill()
		s.kills.Add(1)
		if err := m.Start(); err != nil {
			t.Error(err)
		}
		next = s.Junction.Total() + s.killEvery
	}
}
