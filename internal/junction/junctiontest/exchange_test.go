package junctiontest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// observed returns a simulator that stores each exchange in the returned value.
func observed(opts ...junctiontest.Option) (*junctiontest.Simulator, *junctiontest.Exchange) {
	var exchange junctiontest.Exchange
	return junctiontest.New(append(opts, junctiontest.OnExchange(func(e junctiontest.Exchange) { exchange = e }))...), &exchange
}

func TestTheHookGetsTheRequestAndItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, e := observed()
		w := refresh(sim, junctiontest.SlowUserID, "?timeout=5")
		if e.UserID != junctiontest.SlowUserID || e.Status != 202 || e.Took != 5*time.Second || e.Answer.Get("Content-Type") != "application/json" {
			t.Errorf("got %#v", *e)
		}
		if !bytes.Equal(e.Body, w.Body.Bytes()) || e.BodyBytes != int64(w.Body.Len()) {
			t.Errorf("body %s of %d bytes, want %s", e.Body, e.BodyBytes, w.Body)
		}
		wantPrefix(t, e.String(), "POST /v2/user/refresh/"+junctiontest.SlowUserID+`?timeout=5 → 202 in 5s {"success":true,`)
	})
}

func TestTheHookGetsTheBeginningOfALongBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // takes no time
		sim, e := observed()
		sim.Inject(1, junctiontest.Answer(200, nil, "a\tb\x00\n"+junctiontest.DefaultKey+strings.Repeat("x", 70<<10)))
		get(sim, "/v2/user")
		if len(e.Body) != 64<<10 || e.BodyBytes <= 70<<10 {
			t.Errorf("%d of %d bytes, want 64 KiB of more than 70 KiB", len(e.Body), e.BodyBytes)
		}
		wantPrefix(t, e.String(), "GET /v2/user → 200 in 0s a b. sk_us_****xxx")
		if !strings.HasSuffix(e.String(), fmt.Sprintf("… (%d bytes)", e.BodyBytes)) {
			t.Errorf("the line does not end with the length: %s", e.String())
		}
	})
}

func TestTheHookGetsARequestWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, e := observed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.SlowUserID).WithContext(ctx))
		if e.Status != 0 || e.Answer != nil || !strings.HasSuffix(e.String(), "→ no answer in 1s") {
			t.Errorf("got %v with headers %v", *e, e.Answer)
		}
	})
}

func TestKeysAreMaskedInWhateverIsPrinted(t *testing.T) {
	keys := []string{"pk_eu_0000", "odd-0000"}
	sim, e := observed(junctiontest.WithKeys(keys...))
	for _, key := range keys {
		r := request(http.MethodPost, "/v2/user/refresh/"+junctiontest.DefaultUserID)
		r.Header.Set(junctiontest.KeyHeader, key)
		r.Header.Set("Authorization", "Bearer "+key)
		do(sim, r)
		for name, value := range map[string]any{
			"exchange": *e, "pointer to an exchange": e, "request": e.Request, "header": e.Header, "requests": sim.Requests(),
		} {
			t.Run(key+", "+name, func(t *testing.T) {
				var printed bytes.Buffer
				fmt.Fprintf(&printed, "%v %+v %#v %s\n", value, value, value, value)
				if err := json.NewEncoder(&printed).Encode(value); err != nil {
					t.Fatal(err)
				}
				slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "value", value)
				slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "value", value)
				if strings.Contains(printed.String(), "0000") || !strings.Contains(printed.String(), "****") {
					t.Errorf("printed %s", &printed)
				}
			})
		}
		if got := e.Header.Get(junctiontest.KeyHeader); got != key {
			t.Errorf("the recorded key is %q after printing, want %q", got, key)
		}
	}
}
