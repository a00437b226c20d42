package junctiontest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const mib = 1 << 20

// serve starts a simulator that applies the fault to every request. call sends a refresh to it, and follows no redirect.
func serve(t *testing.T, fault junctiontest.Fault, opts ...junctiontest.Option) (*junctiontest.Simulator, func(context.Context) (*http.Response, error)) {
	t.Helper()
	sim := junctiontest.New(opts...)
	sim.Inject(junctiontest.Always, fault)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return sim, func(ctx context.Context) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost,
			server.URL+"/v2/user/refresh/"+junctiontest.DefaultUserID, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(junctiontest.KeyHeader, junctiontest.DefaultKey)
		return client.Do(r)
	}
}

func TestConnectionFaults(t *testing.T) {
	t.Run("the client sees a reset, and no status is recorded", func(t *testing.T) {
		sim, call := serve(t, junctiontest.ResetConnection())
		if _, err := call(t.Context()); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
		if got := sim.Requests(); len(got) != 1 || got[0].Status != 0 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a reset without a connection is a panic with http.ErrAbortHandler", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(1, junctiontest.ResetConnection())
		defer func() {
			if got := recover(); got != http.ErrAbortHandler {
				t.Errorf("got %v", got)
			}
		}()
		refresh(sim, junctiontest.DefaultUserID, "")
	})
	t.Run("a TLS connection can be reset", func(t *testing.T) {
		sim := junctiontest.New()
		sim.Inject(junctiontest.Always, junctiontest.ResetConnection())
		server := httptest.NewTLSServer(sim)
		defer server.Close()
		if _, err := server.Client().Post(server.URL, "", nil); err == nil {
			t.Error("there was an answer")
		}
	})
	t.Run("a truncated body is shorter than its Content-Length", func(t *testing.T) {
		_, call := serve(t, junctiontest.Truncated())
		resp, err := call(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(body)) >= resp.ContentLength || len(body) == 0 {
			t.Errorf("%d of %d bytes, %v", len(body), resp.ContentLength, err)
		}
	})
	t.Run("NeverAnswer waits until the client disconnects", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(1, junctiontest.NeverAnswer())
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.DefaultUserID).WithContext(ctx))
			if got := sim.Requests()[0]; got.Status != 0 || time.Since(got.At) != 24*time.Hour {
				t.Errorf("got %v after %v", got, time.Since(got.At))
			}
		})
	})
	t.Run("latency delays the regular answer, and ends if the client disconnects", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New(junctiontest.WithSpeed(10))
			sim.Inject(2, junctiontest.Latency(time.Minute))
			start := time.Now()
			wantStatus(t, refresh(sim, junctiontest.DefaultUserID, ""), 200)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.DefaultUserID).WithContext(ctx))
			if took := time.Since(start); took != 7*time.Second || sim.Requests()[1].Status != 0 {
				t.Errorf("took %v; %v", took, sim.Requests())
			}
		})
	})
	t.Run("a slow drip sends the whole body, and ends if the client disconnects", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim := junctiontest.New()
			sim.Inject(2, junctiontest.SlowDrip(time.Second))
			start := time.Now()
			w := refresh(sim, junctiontest.DefaultUserID, "")
			whole := w.Body.Len()
			if took := time.Since(start); took != time.Duration(whole)*time.Second || !strings.HasSuffix(w.Body.String(), "]}") {
				t.Errorf("%d bytes in %v", whole, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
			defer cancel()
			w = do(sim, request(http.MethodPost, "/v2/user/refresh/"+junctiontest.DefaultUserID).WithContext(ctx))
			if w.Body.Len() != 5 {
				t.Errorf("%d bytes", w.Body.Len())
			}
		})
	})
	t.Run("a gzip bomb is small and expands to valid JSON of more than a mebibyte", func(t *testing.T) {
		sent := make(chan int64, 1)
		_, call := serve(t, junctiontest.GzipBomb(2*mib), junctiontest.OnExchange(func(e junctiontest.Exchange) { sent <- e.BodyBytes }))
		wantLongAnswer(t, call, 2*mib)
		if n := <-sent; n > 16<<10 {
			t.Errorf("%d bytes sent", n)
		}
	})
	t.Run("an oversized body is valid JSON of more than a mebibyte", func(t *testing.T) {
		_, call := serve(t, junctiontest.Oversized(mib+1))
		wantLongAnswer(t, call, mib+1)
	})
	t.Run("an oversized body ends if the client disconnects", func(t *testing.T) {
		sim, call := serve(t, junctiontest.Oversized(1<<40))
		resp, err := call(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() // the server's Close would hang if the answer did not end
		if got := sim.Requests(); got[0].Status != 200 {
			t.Errorf("got %v", got)
		}
	})
}

func wantLongAnswer(t *testing.T, call func(context.Context) (*http.Response, error), size int) {
	t.Helper()
	resp, err := call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) <= size {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	if a := decode[junctiontest.RefreshAnswer](t, body); !a.Success || a.UserID != junctiontest.DefaultUserID {
		t.Errorf("got %+v", a)
	}
}
