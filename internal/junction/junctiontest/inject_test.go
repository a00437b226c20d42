package junctiontest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestInjection(t *testing.T) {
	const id, other = junctiontest.DefaultUserID, junctiontest.CompletedUserID
	t.Run("injections are applied in their order", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(2, junctiontest.Status(503))
		sim.Inject(0, junctiontest.Status(418))
		sim.Inject(1, junctiontest.Chain()) // a pause
		sim.Inject(1, junctiontest.Status(500))
		for i, want := range []int{503, 503, 200, 500, 200} {
			if got := refresh(sim, id, "").Code; got != want {
				t.Errorf("request %d: %d, want %d", i+1, got, want)
			}
		}
	})
	t.Run("an injection for a user does not affect other users and other calls", func(t *testing.T) {
		sim := junctiontest.New()
		sim.InjectFor(strings.ToUpper(id), 1, junctiontest.Status(503))
		wantStatus(t, refresh(sim, other, ""), 200)
		wantStatus(t, get(sim, "/v2/user"), 200)
		wantStatus(t, get(sim, "/v2/user/resolve/"+junctiontest.DefaultClientUserID), 200)
		wantStatus(t, refresh(sim, id, ""), 503)
		wantStatus(t, refresh(sim, id, ""), 200)
	})
	t.Run("an injection for an invalid user ID is never applied", func(t *testing.T) {
		sim := junctiontest.New()
		sim.InjectFor("x", junctiontest.Always, junctiontest.Status(503))
		wantStatus(t, refresh(sim, "x", ""), 422)
	})
	t.Run("an injection with a condition is applied until faults are cleared", func(t *testing.T) {
		sim := junctiontest.New()
		sim.InjectWhen(func(r *http.Request) bool { return r.Method == http.MethodGet }, junctiontest.Always, junctiontest.HTML(500))
		for range 3 {
			wantStatus(t, get(sim, "/v2/user"), 500)
			wantStatus(t, refresh(sim, id, ""), 200)
		}
		sim.ClearFaults()
		wantStatus(t, get(sim, "/v2/user"), 200)
	})
	t.Run("random faults are applied at about their rate, and depend on the seed only", func(t *testing.T) {
		statuses := func(seed uint64) (codes []int) {
			sim := junctiontest.New(junctiontest.WithRandomFaults(seed, 0.3, junctiontest.Status(503), junctiontest.Status(429)))
			for range 1000 {
				codes = append(codes, get(sim, "/v2/user?limit=0").Code)
			}
			return codes
		}
		first := statuses(1)
		if !slices.Equal(first, statuses(1)) || slices.Equal(first, statuses(2)) {
			t.Error("the faults are not the same for the same seed, or are the same for another")
		}
		count := map[int]int{}
		for _, code := range first {
			count[code]++
		}
		if count[200] < 600 || count[200] > 800 || count[503] < 80 || count[429] < 80 {
			t.Errorf("got %v", count)
		}
	})
}
