package junctiontest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// request returns a request with the default key, for ServeHTTP.
func request(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set(junctiontest.KeyHeader, junctiontest.DefaultKey)
	return r
}

// do calls ServeHTTP directly, so that it works in a synctest bubble.
func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func refresh(h http.Handler, userID, query string) *httptest.ResponseRecorder {
	return do(h, request(http.MethodPost, "/v2/user/refresh/"+userID+query))
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	return do(h, request(http.MethodGet, target))
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d; body %s", w.Code, status, w.Body)
	}
}

func wantBody(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	wantStatus(t, w, status)
	if w.Body.String() != body {
		t.Errorf("body %s\nwant %s", w.Body, body)
	}
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

func wantPrefix(t *testing.T, got, prefix string) {
	t.Helper()
	if !strings.HasPrefix(got, prefix) {
		t.Errorf("got %.200s\nwant %s…", got, prefix)
	}
}
