package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestEachResultIsHandedOverAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		u := &upstream{answers: []func(context.Context) (result.Answer, error){func(context.Context) (result.Answer, error) {
			calls++
			time.Sleep(time.Duration(calls) * time.Second)
			return succeed(context.Background())
		}}}
		r := refresh.New(u, &keys{key: "k"}, refresh.Options{MaxConcurrency: 1})
		one := in(90*time.Second, 0, 10)
		began := time.Now()
		var came []time.Duration
		r.All(t.Context(), []refresh.Request{one, one}, func(int, result.Result) { came = append(came, time.Since(began)) })
		if len(came) != 2 || came[0] != time.Second || came[1] != 3*time.Second {
			t.Errorf("results came after %v", came)
		}
	})
}

func TestAPageOfUsersIsListedWithTheKeyAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.list = func(_ context.Context, offset, limit int) (result.Page, error) {
			if u.lists == 1 {
				return result.Page{}, unavailable
			}
			if offset != 500 || limit != 100 {
				t.Errorf("asked for %d from %d on", limit, offset)
			}
			return result.Page{UserIDs: []string{user}, Total: 501}, nil
		}
		r := refresh.New(u, &keys{key: "k"}, options)
		got, err := r.Users(t.Context(), refresh.NewBudget(time.Now(), time.Now().Add(time.Minute), 0), 500, 100)
		if err != nil || got.Total != 501 || len(got.UserIDs) != 1 || u.lists != 2 || u.keys[1] != "k" {
			t.Errorf("%+v %v after %d calls", got, err, u.lists)
		}
	})
}

func TestARotatedKeyFailsNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.list = func(context.Context, int, int) (result.Page, error) {
			if u.keys[len(u.keys)-1] != "new" {
				return result.Page{}, unauthorized
			}
			return result.Page{Total: 1}, nil
		}
		r := refresh.New(u, &keys{key: "old", renewed: "new"}, options)
		if got, err := r.Users(t.Context(), in(time.Minute, 0, 10).Budget, 0, 1); err != nil || got.Total != 1 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestAPageThatNeverComesEndsBeforeWhoeverWaitsGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{list: func(ctx context.Context, _, _ int) (result.Page, error) {
			_, err := hang(ctx)
			return result.Page{}, err
		}}
		r := refresh.New(u, &keys{key: "k"}, options)
		began := time.Now()
		_, err := r.Users(t.Context(), in(90*time.Second, 14*time.Second, 10).Budget, 0, 1)
		if f := result.AsFailure(err); f.Code != result.UpstreamTimeout || time.Since(began) != 13500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		r = refresh.New(u, &keys{key: "for another environment"}, options)
		if _, err := r.Users(t.Context(), in(time.Minute, 0, 10).Budget, 0, 1); result.AsFailure(err).Code != result.Misconfigured {
			t.Errorf("%v", err)
		}
	})
}
