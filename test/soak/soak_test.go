package soak

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestNoQueuedRefreshIsLost(t *testing.T) {
	s := newSoak(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.injectFaults()
	requests := s.enqueue(t)
	began := time.Now()
	var disturbances sync.WaitGroup
	disturbances.Go(func() { s.takeSecretsManagerDown(ctx) })
	disturbances.Go(func() { s.killProcesses(ctx, t) })
	s.consume(ctx, t, time.Duration(s.users)*50*time.Millisecond+time.Minute)
	took := time.Since(began)
	stop()
	disturbances.Wait()

	users := s.settle(t, requests)
	s.report(t, users, took)
	t.Run("each user has a result or one dead letter", func(t *testing.T) { checkNobodyIsLost(t, users) })
	t.Run("each result has the request ID of its user", func(t *testing.T) { checkRequestIDs(t, users) })
	t.Run("no user is refreshed more often than the quota allows", func(t *testing.T) { checkQuota(t, users) })
	t.Run("each user whom Junction never refreshes is a dead letter", func(t *testing.T) { checkUnrefreshable(t, users) })
	t.Run("processes were killed", func(t *testing.T) {
		if s.kills.Load() == 0 {
			t.Error("no process was killed, so this proves nothing")
		}
	})
	t.Run("the key is in no log", func(t *testing.T) {
		for _, m := range s.Members {
			harness.CheckNoSecrets(t, m.Log())
		}
	})
}
