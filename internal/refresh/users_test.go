package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAPageOfUsersIsListedWithTheKeyAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := result.Page{Users: []result.User{{ID: user}}, Total: 501}
		u := newUpstream()
		u.list = func(_ context.Context, offset, limit int) (result.Page, error) {
			if u.lists == 1 {
				return result.Page{}, unavailable
			}
			if offset != 500 || limit != 100 {
				t.Errorf("%d users from offset %d are asked for, want 100 from 500", limit, offset)
			}
			return want, nil
		}
		got, err := refresh.New(u, goodKey(), options).Users(t.Context(), request(time.Minute, 0, 10).Budget, 500, 100)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("it is another page (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"k", "k"}, u.keys); diff != "" {
			t.Errorf("other keys are used (-want +got):\n%s", diff)
		}
	})
}

func TestARotatedKeyFailsNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.list = func(context.Context, int, int) (result.Page, error) {
			if u.keys[len(u.keys)-1] != "new" {
				return result.Page{}, unauthorized
			}
			return result.Page{Total: 1}, nil
		}
		r := refresh.New(u, &keys{key: "old", renewed: "new"}, options)
		got, err := r.Users(t.Context(), request(time.Minute, 0, 10).Budget, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got.Total != 1 {
			t.Errorf("%d users in all, want 1", got.Total)
		}
	})
}

func TestAPageThatHangsIsCutOffBeforeTheCallerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.list = func(ctx context.Context, _, _ int) (result.Page, error) {
			_, err := hang(ctx)
			return result.Page{}, err
		}
		began := time.Now()
		_, err := refresh.New(u, goodKey(), options).Users(t.Context(), request(90*time.Second, 14*time.Second, 10).Budget, 0, 1)
		if code := result.AsFailure(err).Code; code != result.UpstreamTimeout {
			t.Errorf("the code is %s, want %s", code, result.UpstreamTimeout)
		}
		if took := time.Since(began); took != 13500*time.Millisecond {
			t.Errorf("it is cut off after %v, want 13.5 s", took)
		}
	})
}

func TestWithAnUnusableKeyNoPageIsListed(t *testing.T) {
	u := newUpstream()
	_, err := refresh.New(u, &keys{key: unusable}, options).Users(t.Context(), request(time.Minute, 0, 10).Budget, 0, 1)
	if code := result.AsFailure(err).Code; code != result.Misconfigured {
		t.Errorf("the code is %s, want %s", code, result.Misconfigured)
	}
	if u.lists != 0 {
		t.Errorf("%d pages are listed, want none", u.lists)
	}
}
