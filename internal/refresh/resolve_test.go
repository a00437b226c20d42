package refresh_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// resolveTo resolves every app's ID to one user, which tests can change.
func resolveTo(id *string) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return *id, nil }
}

func TestAClientUserIDIsResolvedOnceAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, id := newUpstream(succeed), user
		u.resolve = resolveTo(&id)
		r := refresh.New(u, goodKey(), options)
		for range 2 {
			got := r.Refresh(t.Context(), ofClientUser())
			wantSuccess(t, got, 1)
			if got.UserID != user {
				t.Errorf("the user is %s, want %s", got.UserID, user)
			}
		}
		u.wantLookUps(t, 1)
	})
}

func TestARememberedUserThatIsGoneIsResolvedAgain(t *testing.T) {
	gone := fail(result.Fail(result.UserNotFound, "x"))
	synctest.Test(t, func(t *testing.T) {
		u, id := newUpstream([]reply{succeed, gone, succeed, gone}...), user
		u.resolve = resolveTo(&id)
		r := refresh.New(u, goodKey(), options)
		r.Refresh(t.Context(), ofClientUser())
		id = otherUser
		got := r.Refresh(t.Context(), ofClientUser())
		wantSuccess(t, got, 2)
		if got.UserID != otherUser {
			t.Errorf("the user is %s, want %s", got.UserID, otherUser)
		}
		u.wantLookUps(t, 2)

		got = r.Refresh(t.Context(), ofClientUser()) // resolved to the same user again
		wantFailure(t, got, result.UserNotFound, 1)
		u.wantLookUps(t, 3)
	})
}

func TestALookUpIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream(succeed)
		u.resolve = func(context.Context, string) (string, error) {
			if u.resolves == 1 {
				return "", unavailable
			}
			return user, nil
		}
		wantSuccess(t, refresh.New(u, goodKey(), options).Refresh(t.Context(), ofClientUser()), 1)
		u.wantLookUps(t, 2)
	})
}

func TestALookUpThatHangsIsCutOffAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.resolve = func(ctx context.Context, _ string) (string, error) {
			_, err := hang(ctx)
			return "", err
		}
		began := time.Now()
		got := refresh.New(u, goodKey(), options).Refresh(t.Context(), ofClientUser())
		wantFailure(t, got, result.UpstreamTimeout, 0)
		u.wantLookUps(t, 3)
		if took := time.Since(began); took < 15*time.Second || took > 17*time.Second {
			t.Errorf("three look-ups took %v, want 5 s each and pauses", took)
		}
		if got.UserID != "" {
			t.Errorf("the user is %q, want none", got.UserID)
		}
	})
}

func TestALookUpsFailureIsTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.resolve = func(context.Context, string) (string, error) { return "", result.Fail(result.UserNotFound, "x") }
		wantFailure(t, refresh.New(u, goodKey(), options).Refresh(t.Context(), ofClientUser()), result.UserNotFound, 0)
	})
}

func TestTheMemoryOfResolvedUsersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 10_050
		u, id := newUpstream(succeed), user
		u.resolve = resolveTo(&id)
		r := refresh.New(u, goodKey(), options)
		refreshAll := func() {
			for i := range many {
				request := ofClientUser()
				request.ClientUserID = strings.Repeat("x", i%100+1) + string(rune('a'+i/100%26)) + string(rune('a'+i/2600))
				r.Refresh(t.Context(), request)
			}
		}
		refreshAll()
		u.wantLookUps(t, many)
		refreshAll()
		if u.resolves <= many {
			t.Errorf("%d look-ups for %d users twice: nothing was forgotten", u.resolves, many)
		}
	})
}
