package secret

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFirstUseReadsAgainIfTheReadItJoinedFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one", delay: time.Hour}
		s := New(manager.read, time.Minute)
		go func() { _, _ = s.Key(context.Background()) }()
		time.Sleep(4 * time.Second)
		manager.setDelay(100 * time.Millisecond)
		began := time.Now()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { wantKey(t, s, "one") })
		}
		wait.Wait()
		wantTook(t, began, 1100*time.Millisecond)
		wantTwoReads(t, manager)
	})
}
