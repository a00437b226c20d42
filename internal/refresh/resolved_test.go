package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// movingUser is an upstream at which one app user ID stands for the user it currently says.
type movingUser struct {
	refresh.Upstream
	id        string
	lookups   int
	refreshed []string
}

func (u *movingUser) Check(sensitive.String) error { return nil }

func (u *movingUser) Resolve(context.Context, sensitive.String, string) (string, error) {
	u.lookups++
	return u.id, nil
}

func (u *movingUser) Refresh(_ context.Context, _ sensitive.String, userID string, _ float64) (result.Answer, error) {
	u.refreshed = append(u.refreshed, userID)
	return result.Answer{Status: 200}, nil
}

type oneKey struct{ refresh.Keys }

func (oneKey) Key(context.Context) (sensitive.String, error) { return sensitive.New("k"), nil }

func TestAResolvedUserIsRememberedForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &movingUser{id: "the first user"}
		r := refresh.New(u, oneKey{}, refresh.Options{})
		refreshOnce := func() {
			r.Refresh(t.Context(), refresh.Request{ClientUserID: "app-user-42", Timeout: 10, Budget: refresh.NewBudget(time.Now(), time.Time{}, 0)})
		}
		refreshOnce()
		u.id = "the user who has the ID now"
		time.Sleep(10*time.Minute - time.Second)
		refreshOnce()
		if u.lookups != 1 || u.refreshed[1] != "the first user" {
			t.Errorf("within ten minutes: %d look-ups, refreshed %q", u.lookups, u.refreshed)
		}
		time.Sleep(time.Second)
		refreshOnce()
		if u.lookups != 2 || u.refreshed[2] != u.id {
			t.Errorf("after ten minutes: %d look-ups, refreshed %q", u.lookups, u.refreshed)
		}
	})
}
