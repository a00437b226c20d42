package junctiontest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestKeys(t *testing.T) {
	with := func(key string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/v2/user", nil)
		if key != "" {
			r.Header.Set("x-vital-api-key", key)
		}
		return r
	}
	t.Run("a missing, wrong or empty key is 401", func(t *testing.T) {
		sim := junctiontest.New()
		for _, key := range []string{"", "sk_us_other", junctiontest.DefaultKey + "x"} {
			wantBody(t, do(sim, with(key)), 401, `{"detail":"invalid token"}`)
		}
		sim.SetKeys("")
		wantStatus(t, do(sim, with("")), 401)
	})
	t.Run("new keys take effect with the next request", func(t *testing.T) {
		sim := junctiontest.New(junctiontest.WithKeys("old"))
		wantStatus(t, do(sim, with("old")), 200)
		sim.SetKeys("old", "new")
		wantStatus(t, do(sim, with("old")), 200)
		wantStatus(t, do(sim, with("new")), 200)
		sim.SetKeys("new")
		wantStatus(t, do(sim, with("old")), 401)
	})
}

func TestRoutes(t *testing.T) {
	sim := junctiontest.New()
	for _, target := range []string{
		"/", "/v2", "/v2/user/", "/v2/user/refresh", "/v2/user/refresh/", "/v2/user/resolve/",
		"/v2/user/refresh/a/b", "/v2/other/refresh/a", "//v2/user", "/v2//user",
		"/v2/user/providers", "/v2/user/providers/", "/v2/introspect", "/v2/introspect/resources/", "/v2/introspect/resources/a",
	} {
		t.Run(target+" is not a route", func(t *testing.T) {
			wantBody(t, do(sim, httptest.NewRequest(http.MethodPost, target, nil)), 404, `{"detail":"Not Found"}`)
		})
	}
	for target, allow := range map[string]string{
		"/v2/user": "GET", "/v2/user/resolve/x": "GET", "/v2/user/refresh/x": "POST",
		"/v2/user/providers/x": "GET", "/v2/introspect/resources": "GET",
	} {
		t.Run(target+" allows only "+allow, func(t *testing.T) {
			w := do(sim, request(http.MethodDelete, target))
			wantStatus(t, w, 405)
			if got := w.Header().Get("Allow"); got != allow {
				t.Errorf("Allow: %s", got)
			}
		})
	}
}

// FuzzSimulator checks that the simulator itself fails for no request.
func FuzzSimulator(f *testing.F) {
	f.Add("POST", "/v2/user/refresh/"+junctiontest.SlowUserID, "timeout=60")
	f.Add("GET", "/v2/user/resolve/a%2Fb", "")
	f.Add("GET", "/v2/introspect/resources", "user_id="+junctiontest.DefaultUserID)
	f.Add("GET", "/v2/user/providers/"+junctiontest.ReconnectUserID, "")
	f.Add("GET", "/v2/user", "offset=9223372036854775807&limit=500")
	f.Add("POST", "/v2/user/refresh/%zz", "timeout=nan&;=")
	sim := junctiontest.New(junctiontest.WithSpeed(1e9), junctiontest.WithGeneratedUsers(10),
		junctiontest.WithRepeatedUsers(3), junctiontest.WithRecordLimit(1))
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r, err := http.NewRequest(method, "http://junction.test/", nil)
		if err != nil {
			return
		}
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, path, query
		r.Header.Set(junctiontest.KeyHeader, junctiontest.DefaultKey)
		if w := do(sim, r); w.Code >= 500 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
