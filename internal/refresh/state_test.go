package refresh_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestTheStateIsTheGatesWithoutACallToJunction(t *testing.T) {
	u, g := newUpstream(), &gate{state: result.State{UserID: user, CallsInWindow: 3, CallsLeft: new(5)}}
	got, err := refresh.New(u, &keys{keyErr: unavailable}, refresh.Options{Gate: g}).State(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.state, got); diff != "" {
		t.Errorf("it is another state (-want +got):\n%s", diff)
	}
	u.wantCalls(t, 0)
}

func TestWithoutAGateTheStateIsTheUserAlone(t *testing.T) {
	got, err := refresh.New(newUpstream(), goodKey(), options).State(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result.State{UserID: user}, got); diff != "" {
		t.Errorf("it is another state (-want +got):\n%s", diff)
	}
}

func TestAStateThatCannotBeReadIsQuotaUnavailable(t *testing.T) {
	_, err := refresh.New(newUpstream(), goodKey(), refresh.Options{Gate: &gate{stateErr: errTable}}).State(t.Context(), user)
	if f := result.AsFailure(err); f.Code != result.QuotaUnavailable || !f.Retryable() || !errors.Is(f, errTable) {
		t.Errorf("the failure is %+v", f)
	}
}
