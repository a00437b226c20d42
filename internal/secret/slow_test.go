package secret

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// setDelay sets how long each read takes from now on.
func (s *store) setDelay(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// wantTwoReads fails the test unless the store was read twice.
func wantTwoReads(t *testing.T, s *store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads != 2 {
		t.Errorf("%d reads, want 2", s.reads)
	}
}

// wantTook fails the test unless the time since began is want.
func wantTook(t *testing.T, began time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(began); took != want {
		t.Errorf("took %v, want %v", took, want)
	}
}

// readOnce returns a source with a TTL of one minute that has read "one", whose TTL has passed. The test ends
// after its last read.
func readOnce(t *testing.T) (*Source, *store) {
	t.Helper()
	t.Cleanup(func() { time.Sleep(readTimeout) })
	manager := &store{value: "one"}
	s := New(manager.read, time.Minute)
	wantKey(t, s, "one")
	time.Sleep(time.Minute)
	return s, manager
}

func TestAHangingSecretsManagerCostsARefreshHalfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.setDelay(time.Hour)
		began := time.Now()
		wantKey(t, s, "one")
		wantTook(t, began, 500*time.Millisecond)
	})
}

func TestAHangingSecretsManagerCostsNothingForTenSecondsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.setDelay(time.Hour)
		wantKey(t, s, "one")
		for range 9 {
			time.Sleep(time.Second)
			began := time.Now()
			wantKey(t, s, "one")
			wantTook(t, began, 0)
		}
		wantTwoReads(t, manager)
	})
}

func TestASlowReadContinuesInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.set("two", nil)
		manager.setDelay(2 * time.Second)
		wantKey(t, s, "one")
		time.Sleep(2 * time.Second)
		began := time.Now()
		wantKey(t, s, "two")
		wantTook(t, began, 0)
		wantTwoReads(t, manager)
	})
}

func TestConcurrentCallersWaitHalfASecondTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.setDelay(time.Hour)
		began := time.Now()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { wantKey(t, s, "one") })
		}
		wait.Wait()
		wantTook(t, began, 500*time.Millisecond)
		wantTwoReads(t, manager)
	})
}

func TestAValueOlderThanAnHourIsNotUsedWhileSecretsManagerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.setDelay(time.Hour)
		time.Sleep(time.Hour)
		if _, err := s.Key(t.Context()); result.AsFailure(err).Code != result.SecretUnavailable {
			t.Errorf("error %v, want %s", err, result.SecretUnavailable)
		}
	})
}

func TestARefusedKeyIsSecretUnavailableAfterHalfASecondIfTheReadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, manager := readOnce(t)
		manager.setDelay(time.Hour)
		began := time.Now()
		_, err := s.Renew(t.Context(), sensitive.New("one"))
		wantTook(t, began, 500*time.Millisecond)
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable || !f.Retryable() {
			t.Errorf("error %v, want a retryable %s", err, result.SecretUnavailable)
		}
	})
}

func TestALaterCallUsesTheBackgroundReadOfARefusedKey(t *testing.T) {
	for name, c := range map[string]struct {
		stored string // in Secrets Manager
		after  time.Duration
		want   string
	}{
		"joins it while it is running":                   {"two", time.Second, "two"},
		"gets the new key":                               {"two", 2 * time.Second, "two"},
		"gets the same key if it was not rotated":        {"one", 2 * time.Second, "one"},
		"does not wait for it longer than half a second": {"two", 0, "secret_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, manager := readOnce(t)
				manager.set(c.stored, nil)
				manager.setDelay(1700 * time.Millisecond)
				if got := renew(t, s, "one"); got != "secret_unavailable" {
					t.Errorf("the first call got %s", got)
				}
				time.Sleep(c.after)
				began := time.Now()
				if got := renew(t, s, "one"); got != c.want || time.Since(began) > 500*time.Millisecond {
					t.Errorf("the later call got %s after %v, want %s", got, time.Since(began), c.want)
				}
				wantTwoReads(t, manager)
			})
		})
	}
}
