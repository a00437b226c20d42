// Package secret is the team key and what else the secret holds: read from AWS Secrets Manager,
// cached by wall clock, shared by all who ask at once, read again where Junction refuses the key.
package secret

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	// maxStale is how long after it was read a value may serve while Secrets Manager fails.
	maxStale = time.Hour
	// retryEvery is the least time between two reads that refused keys cause, and between two tries of
	// a failing Secrets Manager while an older value serves.
	retryEvery = 10 * time.Second
	// readTimeout bounds one read with its retries; a hanging Secrets Manager must leave time to answer.
	readTimeout = 5 * time.Second
)

// Read reads the secret's value once. Its errors must not quote the value.
type Read func(context.Context) (string, error)

// Static returns a Read of a value that is already here.
func Static(value sensitive.String) Read {
	return func(context.Context) (string, error) { return value.Reveal(), nil }
}

// Source gives out the secret. It is safe for concurrent use.
//
// Ages are by wall clock: the monotonic clock stands still while a Lambda is frozen.
type Source struct {
	// OnRead, where it is set, sees each bundle that was read. Set it before the first use.
	OnRead func(Bundle)

	read   Read
	ttl    time.Duration
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex
	bundle   Bundle
	readAt   time.Time // when the read of bundle began; zero: never
	failedAt time.Time // when the last read began, where it failed; else zero

	renewedAt time.Time // when a refused key last caused a read
	renewal   error     // what came of that read
}

// New returns a source whose value is read again after ttl. Nothing is read yet: see Warm.
func New(read Read, ttl time.Duration) *Source {
	return &Source{read: read, ttl: ttl, now: time.Now}
}

// Warm reads the secret in the background, so that it overlaps with the function's start. A failure
// is found, and tried again, at the first use.
func (s *Source) Warm() {
	go func() { _, _ = s.fetch(context.Background(), "read") }()
}

// Key implements refresh.Keys.
func (s *Source) Key(ctx context.Context) (sensitive.String, error) {
	bundle, err := s.Bundle(ctx)
	return bundle.APIKey, err
}

// Bundle returns the secret, no older than the TTL; where Secrets Manager fails, the last good one
// for up to an hour. Errors are *result.Failure.
func (s *Source) Bundle(ctx context.Context) (Bundle, error) {
	s.mu.Lock()
	bundle, age := s.bundle, s.age(s.readAt)
	failing := s.age(s.failedAt) < retryEvery
	s.mu.Unlock()
	usable := !bundle.APIKey.Empty() && age < max(maxStale, s.ttl)
	if usable && (age < s.ttl || failing) {
		return bundle, nil
	}
	fresh, err := s.fetch(ctx, "read")
	if err != nil && usable {
		return bundle, nil
	}
	return fresh, err
}

// Renew implements refresh.Keys. A caller that still held an older key gets the newer one without a
// read; otherwise the secret is read again, at most every 10 s. Where that read fails, nobody knows
// whether the key was rotated, so the error is secret_unavailable, which is worth trying again.
func (s *Source) Renew(ctx context.Context, refused sensitive.String) (sensitive.String, error) {
	s.mu.Lock()
	key, recently, renewal := s.bundle.APIKey, s.age(s.renewedAt) < retryEvery, s.renewal
	s.mu.Unlock()
	if !key.Empty() && !key.Equal(refused) {
		return key, nil
	}
	if recently {
		return key, renewal
	}
	// Not the flight of an ordinary read: one that is under way may have begun before the rotation.
	bundle, err := s.fetch(ctx, "renew")
	return bundle.APIKey, err
}

// fetch reads the secret; those who ask meanwhile for the same purpose share the read. It goes on
// where one of them gives up.
func (s *Source) fetch(ctx context.Context, purpose string) (Bundle, error) {
	shared := s.flight.DoChan(purpose, func() (any, error) {
		began := s.wall()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		bundle, err := s.readBundle(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if purpose == "renew" {
			s.renewedAt, s.renewal = began, err
		}
		if err != nil {
			s.failedAt = began
			return Bundle{}, err
		}
		if !began.Before(s.readAt) { // a slow read must not undo a later one
			s.bundle, s.readAt, s.failedAt = bundle, began, time.Time{}
		}
		return bundle, nil
	})
	select {
	case got := <-shared:
		return got.Val.(Bundle), got.Err
	case <-ctx.Done():
		return Bundle{}, result.Fail(result.SecretUnavailable, "Secrets Manager did not answer in time")
	}
}

// readBundle reads and parses the secret once.
func (s *Source) readBundle(ctx context.Context) (Bundle, error) {
	value, err := s.read(ctx)
	if err != nil {
		return Bundle{}, result.FailFor(result.SecretUnavailable, "Secrets Manager does not give the secret", err)
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

func (s *Source) wall() time.Time { return s.now().Round(0) }

// age is how long ago a moment was; a zero one was for ever ago, and one in the future, after the
// clock was set back, was just now.
func (s *Source) age(at time.Time) time.Duration {
	if at.IsZero() {
		return 1<<63 - 1
	}
	return max(s.wall().Sub(at), 0)
}
