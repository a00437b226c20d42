package refresh_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

var errTable = errors.New("the table has not answered in time")

func TestALeaseThatTheGateMayGrantLateIsEndedAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := granting(0)
		g.err = errTable
		got := through(g, &upstream{answers: []func(context.Context) (result.Answer, error){succeed}}, &keys{key: "k"}, t)
		if !got.Success || !errors.Is(got.Degraded, errTable) {
			t.Errorf("%+v", got)
		}
		if len(g.done) != 1 || !g.done[0].Success || !slices.Equal(g.calls, []refresh.Call{refresh.Sent}) {
			t.Errorf("the gate is told %+v of the calls %v, want the success of a call", g.done, g.calls)
		}
	})
}
