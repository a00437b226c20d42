package junctiontest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestRecord(t *testing.T) {
	const id = junctiontest.DefaultUserID
	t.Run("a request is recorded as it was sent", func(t *testing.T) {
		sim := junctiontest.New()
		r := httptest.NewRequest(http.MethodGet, "http://junction.test/v2/user/resolve/a%2Fb?x=1", strings.NewReader("body"))
		r.Header.Set("x-vital-api-key", junctiontest.DefaultKey)
		r.Header.Add("Accept", "application/json")
		do(sim, r)
		got := sim.Requests()[0]
		if got.Method != "GET" || got.Host != "junction.test" || got.Path != "/v2/user/resolve/a/b" ||
			got.EscapedPath != "/v2/user/resolve/a%2Fb" || got.RawQuery != "x=1" || got.Body != "body" ||
			got.UserID != "" || got.Status != 404 || got.At.IsZero() {
			t.Errorf("got %#v", got)
		}
		if got.Header.Get(junctiontest.KeyHeader) != junctiontest.DefaultKey || len(got.Header.Values("accept")) != 1 {
			t.Errorf("got %v", got.Header)
		}
	})
	t.Run("refresh calls are counted for each user, whatever became of them", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(1, junctiontest.Status(503))
		refresh(sim, id, "")
		refresh(sim, strings.ToUpper(id), "?timeout=0")
		do(sim, httptest.NewRequest(http.MethodPost, "/v2/user/refresh/"+id, nil)) // no key
		get(sim, "/v2/user/refresh/"+id)                                           // another method
		refresh(sim, "x", "")
		if sim.Calls(id) != 3 || sim.Calls("x") != 0 || sim.Calls(junctiontest.SlowUserID) != 0 || sim.Total() != 5 {
			t.Errorf("%d calls of %d", sim.Calls(id), sim.Total())
		}
	})
	t.Run("only the newest are kept, and all are counted", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithRecordLimit(3))
		for i := range 8 {
			get(sim, fmt.Sprintf("/v2/user?offset=%d", i))
		}
		got := sim.Requests()
		if len(got) != 3 || got[0].RawQuery != "offset=5" || got[2].RawQuery != "offset=7" || sim.Total() != 8 {
			t.Errorf("got %v", got)
		}
		none := junctiontest.New(junctiontest.WithRecordLimit(-1))
		get(none, "/v2/user")
		if len(none.Requests()) != 0 || none.Total() != 1 {
			t.Errorf("got %v", none.Requests())
		}
	})
	t.Run("a reset forgets what was, and not who is", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithKeys("k"))
		sim.Inject(1, junctiontest.Status(503))
		refresh(sim, id, "")
		sim.Inject(1, junctiontest.Status(503))
		sim.Reset()
		if len(sim.Requests()) != 0 || sim.Total() != 0 || sim.Calls(id) != 0 || sim.PeakInFlight() != 0 {
			t.Errorf("got %v", sim.Requests())
		}
		wantStatus(t, refresh(sim, id, ""), 401)
	})
	t.Run("a silent handler is recorded as 200", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(1, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })
		})
		get(sim, "/v2/user")
		if got := sim.Requests()[0].Status; got != 200 {
			t.Errorf("status %d", got)
		}
	})
	t.Run("many at once are all there, with the peak of them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithLimit(0, 0))
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { refresh(sim, junctiontest.SlowUserID, "?timeout=5") })
			}
			synctest.Wait()
			if got := sim.Requests(); len(got) != 50 || got[0].Status != 0 {
				t.Errorf("%d on record before the answers", len(got))
			}
			wg.Wait()
			if sim.Calls(junctiontest.SlowUserID) != 50 || sim.PeakInFlight() != 50 || sim.Requests()[49].Status != 202 {
				t.Errorf("%d calls, peak %d", sim.Calls(junctiontest.SlowUserID), sim.PeakInFlight())
			}
		})
	})
}

func TestExchangesAreShown(t *testing.T) {
	t.Run("the hook gets request and answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var got []junctiontest.Exchange
			sim := junctiontest.New(junctiontest.OnExchange(func(e junctiontest.Exchange) { got = append(got, e) }))
			refresh(sim, junctiontest.SlowUserID, "?timeout=5")
			sim.Inject(1, junctiontest.Answer(200, nil, "a\tb\x00\n"+junctiontest.DefaultKey+strings.Repeat("x", 70<<10)))
			get(sim, "/v2/user")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))

			e := got[0]
			if e.Status != 202 || e.Took != 5*time.Second || e.BodyBytes != int64(len(e.Body)) ||
				e.Answer.Get("Content-Type") != "application/json" || e.UserID != junctiontest.SlowUserID {
				t.Errorf("got %#v", e)
			}
			wantPrefix(t, e.String(), "POST /v2/user/refresh/"+junctiontest.SlowUserID+`?timeout=5 → 202 in 5s {"success":true,`)
			if e := got[1]; len(e.Body) != 64<<10 || e.BodyBytes <= 70<<10 || !strings.HasSuffix(e.String(), "bytes)") {
				t.Errorf("%d of %d bytes kept", len(e.Body), e.BodyBytes)
			}
			wantPrefix(t, got[1].String(), "GET /v2/user → 200 in 0s a b. sk_us_****xxx")
			if e := got[2]; e.Status != 0 || e.Answer != nil || !strings.HasSuffix(e.String(), "→ no answer in 1s") {
				t.Errorf("got %v", e)
			}
		})
	})
	t.Run("no way of printing shows a key", func(t *testing.T) {
		var got junctiontest.Exchange
		sim := junctiontest.New(junctiontest.WithKeys("pk_eu_0000", "odd-0000"),
			junctiontest.OnExchange(func(e junctiontest.Exchange) { got = e }))
		for _, key := range []string{"pk_eu_0000", "odd-0000"} {
			r := request(http.MethodPost, "/v2/user/refresh/"+junctiontest.DefaultUserID)
			r.Header.Set(junctiontest.KeyHeader, key)
			r.Header.Set("Authorization", "Bearer "+key)
			do(sim, r)
			var printed bytes.Buffer
			values := []any{got, &got, got.Request, got.Header, sim.Requests()}
			for _, v := range values {
				fmt.Fprintf(&printed, "%v %+v %#v %s\n", v, v, v, v)
				if err := json.NewEncoder(&printed).Encode(v); err != nil {
					t.Fatal(err)
				}
				slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "v", v)
				slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "v", v)
			}
			if strings.Contains(printed.String(), "0000") || !strings.Contains(printed.String(), "****") {
				t.Errorf("printed %s", &printed)
			}
			if got.Header.Get(junctiontest.KeyHeader) != key {
				t.Error("masking changed the record")
			}
		}
	})
}
