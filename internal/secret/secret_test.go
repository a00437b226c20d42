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

// store is a Secrets Manager in memory.
type store struct {
	mu    sync.Mutex
	value string
	err   error
	takes time.Duration
	reads int
}

func (s *store) read(ctx context.Context) (string, error) {
	s.mu.Lock()
	value, err, takes := s.value, s.err, s.takes
	s.reads++
	s.mu.Unlock()
	select {
	case <-time.After(takes):
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

func expect(t *testing.T, s *Source, want string) {
	t.Helper()
	key, err := s.Key(t.Context())
	if err != nil || key.Reveal() != want {
		t.Errorf("got %q and %v, want %q", key.Reveal(), err, want)
	}
}

var errDown = errors.New("down")

func TestTheSecretIsReadOnceForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one"}
		s := New(aws.read, 5*time.Minute)
		expect(t, s, "one")
		aws.set("two", nil)
		time.Sleep(5*time.Minute - time.Second)
		expect(t, s, "one")
		time.Sleep(time.Second)
		expect(t, s, "two")
		if aws.reads != 2 {
			t.Errorf("%d reads", aws.reads)
		}
	})
}

func TestItsAgeIsByWallClock(t *testing.T) {
	aws := &store{value: "one"}
	s := New(aws.read, 5*time.Minute)
	now := time.Now()
	s.now = func() time.Time { return now }
	expect(t, s, "one")
	aws.set("two", nil)
	// A freeze: the wall clock goes on and the monotonic clock does not. Adding to a time moves both,
	// so the reading that a thawed process makes is built without a monotonic part.
	now = time.Unix(0, now.UnixNano()).Add(6 * time.Minute)
	expect(t, s, "two")
	// A clock that was set back makes no secret immortal or useless.
	now = now.Add(-time.Hour)
	expect(t, s, "two")
}

func TestItIsReadInTheBackgroundAtStartAndAllWhoAskShareThatRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one", takes: time.Second}
		s := New(aws.read, 5*time.Minute)
		s.Warm()
		synctest.Wait()
		began := time.Now()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { expect(t, s, "one") })
		}
		wait.Wait()
		if aws.reads != 1 || time.Since(began) != time.Second {
			t.Errorf("%d reads in %v", aws.reads, time.Since(began))
		}
	})
}

func TestABackgroundReadThatFailsIsTriedAgainAtTheFirstUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{err: errDown}
		s := New(aws.read, 5*time.Minute)
		s.Warm()
		synctest.Wait()
		aws.set("one", nil)
		expect(t, s, "one")
	})
}

func TestOneWhoGivesUpDoesNotEndTheReadOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one", takes: 2 * time.Second}
		s := New(aws.read, 5*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { expect(t, s, "one") }()
		_, err := s.Key(ctx)
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable {
			t.Error(err)
		}
		expect(t, s, "one")
		if aws.reads > 1 {
			t.Errorf("%d reads", aws.reads)
		}
	})
}

func TestASecretsManagerThatHangsIsGivenUpAfter5Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{takes: time.Hour}
		began := time.Now()
		_, err := New(aws.read, time.Minute).Key(t.Context())
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestTheLastGoodValueServesForUpToOneHourOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one"}
		s := New(aws.read, 5*time.Minute)
		expect(t, s, "one")
		aws.set("", errDown)
		time.Sleep(time.Hour - time.Second)
		expect(t, s, "one")
		expect(t, s, "one")
		if aws.reads != 2 {
			t.Errorf("%d reads: a failing Secrets Manager is asked at every use", aws.reads)
		}
		time.Sleep(time.Second)
		if _, err := s.Key(t.Context()); result.AsFailure(err).Code != result.SecretUnavailable {
			t.Errorf("after one hour: %v", err)
		}
		aws.set("two", nil)
		expect(t, s, "two")
	})
}

func TestAFailureIsTriedAgainAfter10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one"}
		s := New(aws.read, time.Minute)
		expect(t, s, "one")
		time.Sleep(time.Minute)
		aws.set("", errDown)
		expect(t, s, "one")
		aws.set("two", nil)
		time.Sleep(10*time.Second - 1)
		expect(t, s, "one")
		time.Sleep(1)
		expect(t, s, "two")
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

func TestARefusedKeyIsReadAgainAtOnceAtMostEvery10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one"}
		s := New(aws.read, 5*time.Minute)
		expect(t, s, "one")
		aws.set("two", nil)
		if got := renew(t, s, "one"); got != "two" || aws.reads != 2 {
			t.Errorf("%s after %d reads", got, aws.reads)
		}
		// One that still held the older key takes the newer one without a read.
		if got := renew(t, s, "one"); got != "two" || aws.reads != 2 {
			t.Errorf("%s after %d reads", got, aws.reads)
		}
		aws.set("three", nil)
		time.Sleep(10*time.Second - 1)
		if got := renew(t, s, "two"); got != "two" || aws.reads != 2 {
			t.Errorf("before 10 s: %s after %d reads", got, aws.reads)
		}
		time.Sleep(1)
		if got := renew(t, s, "two"); got != "three" || aws.reads != 3 {
			t.Errorf("after 10 s: %s after %d reads", got, aws.reads)
		}
	})
}

func TestManyRefusalsAtOnceCauseOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one", takes: time.Second}
		s := New(aws.read, 5*time.Minute)
		expect(t, s, "one")
		aws.set("two", nil)
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
		if aws.reads != 2 || renewed.Load() != 50 {
			t.Errorf("%d reads, %d got the new key", aws.reads, renewed.Load())
		}
	})
}

func TestARefusedKeyWhileSecretsManagerFailsIsSecretUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one"}
		s := New(aws.read, 5*time.Minute)
		expect(t, s, "one")
		aws.set("", errDown)
		for range 2 {
			if got := renew(t, s, "one"); got != "secret_unavailable" || aws.reads != 2 {
				t.Errorf("%s after %d reads", got, aws.reads)
			}
		}
	})
}

func TestASlowReadDoesNotUndoALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := &store{value: "one", takes: 3 * time.Second}
		s := New(aws.read, 5*time.Minute)
		s.Warm() // reads "one", and takes its time
		synctest.Wait()
		aws.mu.Lock()
		aws.value, aws.takes = "two", 0
		aws.mu.Unlock()
		time.Sleep(time.Second)
		if got := renew(t, s, "one"); got != "two" {
			t.Error(got)
		}
		time.Sleep(5 * time.Second)
		expect(t, s, "two")
	})
}

func TestTheSecretIsAKeyOrJSON(t *testing.T) {
	for value, want := range map[string]string{
		"sk_us_x":                 "sk_us_x",
		" sk_us_x\n":              "sk_us_x",
		`{"api_key":"sk_us_x"}`:   "sk_us_x",
		` {"api_key":" sk_us_x"}`: "sk_us_x",
	} {
		if b, err := ParseBundle(value); err != nil || b.APIKey.Reveal() != want {
			t.Errorf("%q: %v", value, err)
		}
	}
	b, err := ParseBundle(`{"api_key":"k","webhook_secrets":["whsec_a","whsec_b"],"tokens":["t"],"other":1}`)
	if err != nil || len(b.WebhookSecrets) != 2 || b.WebhookSecrets[1].Reveal() != "whsec_b" || b.Tokens[0].Reveal() != "t" {
		t.Errorf("%v", err)
	}
	for _, value := range []string{"", " ", "{}", `{"api_key":""}`, `{"api_key":1}`, `{"api_key":"oops`, "oops oops", "oöps", `{"api_key":"oops\r\nX: y"}`, `{"api_key":"k","tokens":"oops"}`} {
		_, err := ParseBundle(value)
		if err == nil || strings.Contains(err.Error(), "oops") {
			t.Errorf("%q: %v", value, err)
		}
		aws := &store{value: value}
		if _, err := New(aws.read, time.Minute).Key(t.Context()); result.AsFailure(err).Code != result.SecretUnavailable {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestABundleCannotBePrinted(t *testing.T) {
	b, _ := ParseBundle(`{"api_key":"sk_us_x","webhook_secrets":["whsec_a"],"tokens":["tok"]}`)
	synctest.Test(t, func(t *testing.T) {
		s := New(Static(sensitive.New("sk_us_x")), time.Minute)
		expect(t, s, "sk_us_x")
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
