package junctiontest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestRateLimit(t *testing.T) {
	const id = junctiontest.DefaultUserID
	t.Run("the ninth refresh in an hour is 429 until the first leaves the window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			for range 8 {
				wantStatus(t, refresh(sim, id, ""), 200)
				time.Sleep(time.Minute)
			}
			time.Sleep(500 * time.Millisecond)
			w := refresh(sim, id, "")
			wantBody(t, w, 429, `{"detail":"rate limit exceeded"}`)
			if after := w.Header().Get("Retry-After"); after != "3120" { // 60 − 8 minutes, rounded up
				t.Errorf("Retry-After %q", after)
			}
			wantStatus(t, refresh(sim, junctiontest.CompletedUserID, ""), 200) // another user's own window
			time.Sleep(3119*time.Second + 499*time.Millisecond)
			wantStatus(t, refresh(sim, id, ""), 429)
			time.Sleep(time.Millisecond)
			wantStatus(t, refresh(sim, id, ""), 200)
			wantStatus(t, refresh(sim, id, ""), 429)
			time.Sleep(time.Minute)
			wantStatus(t, refresh(sim, id, ""), 200)
		})
	})
	t.Run("limit and window can be set, and a limit of 0 is unlimited", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithLimit(1, time.Second))
			wantStatus(t, refresh(sim, id, ""), 200)
			wantStatus(t, refresh(sim, id, ""), 429)
			sim.Reset()
			wantStatus(t, refresh(sim, id, ""), 200)
			off := junctiontest.New(junctiontest.WithLimit(0, 0))
			for range 20 {
				wantStatus(t, refresh(off, id, ""), 200)
			}
		})
	})
	t.Run("a rejected call does not count", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithLimit(1, time.Hour))
		wantStatus(t, refresh(sim, id, "?timeout=1"), 422)
		wantStatus(t, refresh(sim, id, ""), 200)
	})
	t.Run("thousands of users are limited independently", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithLimit(1, time.Minute), junctiontest.WithGeneratedUsers(3000))
			for i := range 3000 {
				if i%10 != 9 {
					wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(i), ""), 200)
				}
				time.Sleep(100 * time.Millisecond)
			}
			wantStatus(t, refresh(sim, junctiontest.GeneratedUserID(2998), ""), 429)
		})
	})
}
