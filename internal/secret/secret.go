// Package secret provides the team key, the callers' tokens and the webhook secrets. It reads them from AWS
// Secrets Manager, caches them, and reads them again when Junction refuses the key.
package secret

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	// maxStale is how long after it was read a value may be used while Secrets Manager fails.
	maxStale = time.Hour
	// retryEvery is the least time between two reads because of refused keys, and between two waits for a slow
	// or failing Secrets Manager while an older value is used.
	retryEvery = 10 * time.Second
	// patience is how long a caller waits for a read if it can go on without: with an older value, or with an
	// error that says that a refused key cannot be replaced yet. The read continues in the background.
	patience = 500 * time.Millisecond
	// logEvery is the least time between two log lines about failed reads.
	logEvery = time.Minute
	// readTimeout bounds one read with its retries, so that time to answer is left if Secrets Manager hangs.
	readTimeout = 5 * time.Second
)

// Read reads the secret's value. Its errors must not quote the value.
type Read func(context.Context) (string, error)

// Static returns a Read of a fixed value.
func Static(value sensitive.String) Read {
	return func(context.Context) (string, error) { return value.Reveal(), nil }
}

// Source provides the secret from a cache. It is safe for concurrent use.
//
// It uses the wall clock, because the monotonic clock stands still while a Lambda is frozen.
type Source struct {
	// OnRead, if not nil, is called with each bundle that was read. Set it before the first use.
	OnRead func(Bundle)
	// Log, if not nil, gets an error for reads that failed, at most one a minute. Set it before the first use.
	Log *slog.Logger

	read   Read
	ttl    time.Duration
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex
	bundle   Bundle
	readAt   time.Time // when the read of bundle began; zero: never
	failedAt time.Time // when Secrets Manager last failed, or kept a caller waiting in vain; zero after a good read

	renewedAt time.Time // when the last read because of a refused key began
	renewErr  error     // the error of that read

	loggedAt time.Time // when a failed read was last logged
}

// New returns a source that reads the secret again after ttl. It reads nothing yet.
func New(read Read, ttl time.Duration) *Source {
	return &Source{read: read, ttl: ttl, now: time.Now}
}

// Key implements refresh.Keys.
func (s *Source) Key(ctx context.Context) (sensitive.String, error) {
	bundle, err := s.Bundle(ctx)
	return bundle.APIKey, err
}

// Bundle returns the secret, no older than the TTL or, if Secrets Manager fails or takes longer than half a
// second, the last one that was read, for up to an hour. Errors are *result.Failure.
func (s *Source) Bundle(ctx context.Context) (Bundle, error) {
	s.mu.Lock()
	bundle, age := s.bundle, s.age(s.readAt)
	failing := s.age(s.failedAt) < retryEvery
	s.mu.Unlock()
	usable := age < s.lifetime()
	if usable && (age < s.ttl || failing) {
		return bundle, nil
	}
	if !usable {
		first, joined, err := s.fetch(ctx, ordinary)
		if err != nil && joined && ctx.Err() == nil { // a read that was already running has failed
			first, _, err = s.fetch(ctx, ordinary)
		}
		return first, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if fresh, _, err := s.fetch(ctx, ordinary); err == nil {
		return fresh, nil
	}
	return bundle, nil
}

// Renew implements refresh.Keys. If the refused key is not the current one, it returns the current one.
// Otherwise it reads the secret again, at most every 10 s. If that read fails or takes longer than half a
// second, it is not known whether the key has been rotated, so the error is secret_unavailable, which is
// retryable. A later call gets the outcome of the same read.
func (s *Source) Renew(ctx context.Context, refused sensitive.String) (sensitive.String, error) {
	s.mu.Lock()
	key, recently, renewErr := s.bundle.APIKey, s.age(s.renewedAt) < retryEvery, s.renewErr
	s.mu.Unlock()
	if !key.Empty() && !key.Equal(refused) {
		return key, nil
	}
	if recently {
		return key, renewErr
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bundle, _, err := s.fetch(ctx, renewal)
	return bundle.APIKey, err
}

// The purposes of a read. A renewal does not share an ordinary read, which may have begun before the rotation.
const (
	ordinary = "ordinary"
	renewal  = "renewal"
)

// fetch reads the secret. Concurrent calls with the same purpose share one read, which continues if the
// context of one of them ends. joined reports whether the read was already running.
func (s *Source) fetch(ctx context.Context, purpose string) (bundle Bundle, joined bool, err error) {
	started := false
	shared := s.flight.DoChan(purpose, func() (any, error) {
		started = true // this call's own function runs only if it joined no other
		began := s.wall()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		bundle, err := s.readBundle(ctx)
		if err != nil {
			s.logFailure(ctx, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if purpose == renewal {
			s.renewedAt, s.renewErr = began, err
		}
		if err != nil {
			s.failedAt = s.wall()
			return Bundle{}, err
		}
		if !began.Before(s.readAt) { // a slow read must not undo a later one
			s.bundle, s.readAt, s.failedAt = bundle, began, time.Time{}
		}
		return bundle, nil
	})
	select {
	case r := <-shared:
		return r.Val.(Bundle), !started, r.Err
	case <-ctx.Done():
		s.mu.Lock()
		s.failedAt = s.wall()
		s.mu.Unlock()
		return Bundle{}, false, result.Fail(result.SecretUnavailable, "Secrets Manager did not answer in time")
	}
}

func (s *Source) readBundle(ctx context.Context) (Bundle, error) {
	value, err := s.read(ctx)
	if err != nil {
		return Bundle{}, result.FailFor(result.SecretUnavailable, "the secret could not be read from Secrets Manager", err)
	}
	bundle, err := ParseBundle(value)
	if err != nil {
		return Bundle{}, result.FailFor(result.SecretUnavailable, "the secret has no usable key", err)
	}
	if s.OnRead != nil {
		s.OnRead(bundle)
	}
	return bundle, nil
}

// logFailure logs a failed read and what follows from it, at most once a minute.
func (s *Source) logFailure(ctx context.Context, err error) {
	s.mu.Lock()
	readAt, age, due := s.readAt, s.age(s.readAt), s.age(s.loggedAt) >= logEvery
	if due {
		s.loggedAt = s.wall()
	}
	s.mu.Unlock()
	if s.Log == nil || !due {
		return
	}
	f := result.AsFailure(err)
	consequence := "refreshes fail until it can be read"
	if age < s.lifetime() {
		consequence = fmt.Sprintf("the value read at %s is used until %s",
			readAt.UTC().Format(time.RFC3339), readAt.Add(s.lifetime()).UTC().Format(time.RFC3339))
	}
	s.Log.ErrorContext(ctx, f.Message+"; "+consequence, slog.String("error_code", string(f.Code)), slog.Any("cause", f.Cause))
}

// lifetime is how long a value may be used after it was read.
func (s *Source) lifetime() time.Duration { return max(maxStale, s.ttl) }

func (s *Source) wall() time.Time { return s.now().Round(0) }

// age returns how long ago a time was: the longest duration for the zero time, and 0 for a time in the future,
// which is possible if the clock was set back.
func (s *Source) age(at time.Time) time.Duration {
	if at.IsZero() {
		return 1<<63 - 1
	}
	return max(s.wall().Sub(at), 0)
}
