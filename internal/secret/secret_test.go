package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// store is a stand-in for Secrets Manager with one secret.
type store struct {
	mu    sync.Mutex
	value string
	err   error
	delay time.Duration // of each read
	reads int
}

func (s *store) read(ctx context.Context) (string, error) {
	s.mu.Lock()
	value, err, delay := s.value, s.err, s.delay
	s.reads++
	s.mu.Unlock()
	select {
	case <-time.After(delay):
		return value, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *store) set(value string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.err = value, err
}

func wantKey(t *testing.T, s *Source, want string) {
	t.Helper()
	key, err := s.Key(t.Context())
	if err != nil || key.Reveal() != want {
		t.Errorf("got %q and %v, want %q", key.Reveal(), err, want)
	}
}

var errDown = errors.New("down")

func TestTheSecretIsReadOnceForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one"}
		s := New(manager.read, 5*time.Minute)
		wantKey(t, s, "one")
		manager.set("two", nil)
		time.Sleep(5*time.Minute - time.Second)
		wantKey(t, s, "one")
		time.Sleep(time.Second)
		wantKey(t, s, "two")
		if manager.reads != 2 {
			t.Errorf("%d reads", manager.reads)
		}
	})
}

func TestTheAgeIsMeasuredByTheWallClock(t *testing.T) {
	manager := &store{value: "one"}
	s := New(manager.read, 5*time.Minute)
	now := time.Now()
	s.now = func() time.Time { return now }
	wantKey(t, s, "one")
	manager.set("two", nil)
	// A freeze moves the wall clock and not the monotonic one. Add would move both, so this time is built
	// without a monotonic reading.
	now = time.Unix(0, now.UnixNano()).Add(6 * time.Minute)
	wantKey(t, s, "two")
	// If the clock was set back, the secret is still used.
	now = now.Add(-time.Hour)
	wantKey(t, s, "two")
}

func TestConcurrentCallsShareTheReadOfTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one", delay: time.Second}
		s := New(manager.read, 5*time.Minute)
		go func() { _, _ = s.Key(context.Background()) }()
		synctest.Wait()
		began := time.Now()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { wantKey(t, s, "one") })
		}
		wait.Wait()
		if manager.reads != 1 || time.Since(began) != time.Second {
			t.Errorf("%d reads in %v", manager.reads, time.Since(began))
		}
	})
}

func TestTheFirstUseReadsAgainIfTheBackgroundReadFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{err: errDown}
		s := New(manager.read, 5*time.Minute)
		go func() { _, _ = s.Key(context.Background()) }()
		synctest.Wait()
		manager.set("one", nil)
		wantKey(t, s, "one")
	})
}

func TestACallerThatTimesOutDoesNotEndASharedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one", delay: 2 * time.Second}
		s := New(manager.read, 5*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { wantKey(t, s, "one") }()
		_, err := s.Key(ctx)
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable {
			t.Error(err)
		}
		wantKey(t, s, "one")
		if manager.reads > 1 {
			t.Errorf("%d reads", manager.reads)
		}
	})
}

func TestAReadThatHangsEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{delay: time.Hour}
		began := time.Now()
		_, err := New(manager.read, time.Minute).Key(t.Context())
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestTheLastValueIsUsedForUpToOneHourOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one"}
		s := New(manager.read, 5*time.Minute)
		wantKey(t, s, "one")
		manager.set("", errDown)
		time.Sleep(time.Hour - time.Second)
		wantKey(t, s, "one")
		wantKey(t, s, "one")
		if manager.reads != 2 {
			t.Errorf("%d reads, want 2: a failing Secrets Manager is not read at every use", manager.reads)
		}
		time.Sleep(time.Second)
		if _, err := s.Key(t.Context()); result.AsFailure(err).Code != result.SecretUnavailable {
			t.Errorf("after one hour: %v", err)
		}
		manager.set("two", nil)
		wantKey(t, s, "two")
	})
}

func TestAFailingSecretsManagerIsReadAgainAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one"}
		s := New(manager.read, time.Minute)
		wantKey(t, s, "one")
		time.Sleep(time.Minute)
		manager.set("", errDown)
		wantKey(t, s, "one")
		manager.set("two", nil)
		time.Sleep(10*time.Second - 1)
		wantKey(t, s, "one")
		time.Sleep(1)
		wantKey(t, s, "two")
	})
}

func renew(t *testing.T, s *Source, refused string) string {
	t.Helper()
	key, err := s.Renew(t.Context(), sensitive.New(refused))
	if err != nil {
		return string(result.AsFailure(err).Code)
	}
	return key.Reveal()
}

func TestARefusedKeyIsReadAgainAtOnceButAtMostEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one"}
		s := New(manager.read, 5*time.Minute)
		wantKey(t, s, "one")
		manager.set("two", nil)
		if got := renew(t, s, "one"); got != "two" || manager.reads != 2 {
			t.Errorf("%s after %d reads", got, manager.reads)
		}
		// A caller that still has the older key gets the newer one without a read.
		if got := renew(t, s, "one"); got != "two" || manager.reads != 2 {
			t.Errorf("%s after %d reads", got, manager.reads)
		}
		manager.set("three", nil)
		time.Sleep(10*time.Second - 1)
		if got := renew(t, s, "two"); got != "two" || manager.reads != 2 {
			t.Errorf("before 10 s: %s after %d reads", got, manager.reads)
		}
		time.Sleep(1)
		if got := renew(t, s, "two"); got != "three" || manager.reads != 3 {
			t.Errorf("after 10 s: %s after %d reads", got, manager.reads)
		}
	})
}

func TestConcurrentRefusalsShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one", delay: 400 * time.Millisecond}
		s := New(manager.read, 5*time.Minute)
		wantKey(t, s, "one")
		manager.set("two", nil)
		var wait sync.WaitGroup
		var renewed atomic.Int32
		for range 50 {
			wait.Go(func() {
				if renew(t, s, "one") == "two" {
					renewed.Add(1)
				}
			})
		}
		wait.Wait()
		if manager.reads != 2 || renewed.Load() != 50 {
			t.Errorf("%d reads, and %d callers got the new key; want 2 and 50", manager.reads, renewed.Load())
		}
	})
}

func TestARefusedKeyIsSecretUnavailableWhileSecretsManagerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one"}
		s := New(manager.read, 5*time.Minute)
		wantKey(t, s, "one")
		manager.set("", errDown)
		for range 2 {
			if got := renew(t, s, "one"); got != "secret_unavailable" || manager.reads != 2 {
				t.Errorf("%s after %d reads", got, manager.reads)
			}
		}
	})
}

func TestASlowReadDoesNotOverwriteALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := &store{value: "one", delay: 3 * time.Second}
		s := New(manager.read, 5*time.Minute)
		go func() { _, _ = s.Key(context.Background()) }() // reads "one" slowly
		synctest.Wait()
		manager.mu.Lock()
		manager.value, manager.delay = "two", 0
		manager.mu.Unlock()
		time.Sleep(time.Second)
		if got := renew(t, s, "one"); got != "two" {
			t.Error(got)
		}
		time.Sleep(5 * time.Second)
		wantKey(t, s, "two")
	})
}

func TestParseBundle(t *testing.T) {
	for name, value := range map[string]string{
		"the key itself":                    "sk_us_x",
		"the key itself with a line break":  " sk_us_x\n",
		"JSON":                              `{"api_key":"sk_us_x"}`,
		"JSON with spaces":                  ` {"api_key":" sk_us_x"}`,
		"JSON with a field that is unknown": `{"api_key":"sk_us_x","other":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if b, err := ParseBundle(value); err != nil || b.APIKey.Reveal() != "sk_us_x" {
				t.Errorf("key %q, error %v", b.APIKey.Reveal(), err)
			}
		})
	}
	t.Run("JSON with webhook secrets and tokens", func(t *testing.T) {
		b, err := ParseBundle(`{"api_key":"k","webhook_secrets":["whsec_a"," whsec_b\n"],"tokens":["t"]}`)
		if err != nil || len(b.WebhookSecrets) != 2 || b.WebhookSecrets[1].Reveal() != "whsec_b" || len(b.Tokens) != 1 || b.Tokens[0].Reveal() != "t" {
			t.Errorf("%d webhook secrets, %d tokens, error %v", len(b.WebhookSecrets), len(b.Tokens), err)
		}
	})
}

func TestAnInvalidSecretIsAnErrorThatDoesNotQuoteIt(t *testing.T) {
	for name, value := range map[string]string{
		"empty":                            "",
		"a space":                          " ",
		"JSON without a key":               "{}",
		"JSON with an empty key":           `{"api_key":""}`,
		"JSON with a number for the key":   `{"api_key":1}`,
		"JSON that is cut off":             `{"api_key":"oops`,
		"a key with a space":               "oops oops",
		"a key with a letter beyond ASCII": "oöps",
		"a key with a header in it":        `{"api_key":"oops\r\nX: y"}`,
		"tokens that are not a list":       `{"api_key":"k","tokens":"oops"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBundle(value)
			if err == nil || strings.Contains(err.Error(), "oops") {
				t.Errorf("error %v", err)
			}
			if _, err := New((&store{value: value}).read, time.Minute).Key(t.Context()); result.AsFailure(err).Code != result.SecretUnavailable {
				t.Errorf("error %v, want %s", err, result.SecretUnavailable)
			}
		})
	}
}

func TestABundleCannotBePrinted(t *testing.T) {
	b, _ := ParseBundle(`{"api_key":"sk_us_x","webhook_secrets":["whsec_a"],"tokens":["tok"]}`)
	synctest.Test(t, func(t *testing.T) {
		s := New(Static(sensitive.New("sk_us_x")), time.Minute)
		wantKey(t, s, "sk_us_x")
		synctest.Wait()
		if text := fmt.Sprintf("%v %+v %#v %v %+v", b, b, b, s, s); strings.Contains(text, "sk_us_x") || strings.Contains(text, "whsec") {
			t.Error(text)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	for _, seed := range []string{"sk_us_x", `{"api_key":"k","tokens":["t"]}`, "{", "", `{"api_key":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if b, err := ParseBundle(value); (err == nil) == b.APIKey.Empty() {
			t.Errorf("%v", err)
		}
	})
}
