package junction_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// burst makes concurrent calls to a TLS server that answers none of them before all have arrived, and returns how
// many connections were made.
func burst(t *testing.T, calls int, http2 bool) int64 {
	t.Helper()
	var connections atomic.Int64
	var arrived sync.WaitGroup
	arrived.Add(calls)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait()
		_, _ = fmt.Fprint(w, "{}")
	}))
	server.EnableHTTP2 = http2
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 128}
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := junction.NewTransport(calls)
	junction.Trust(transport, &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12})
	client := &http.Client{Transport: transport}
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			resp, err := client.Get(server.URL)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	all.Wait()
	return connections.Load()
}

func TestConcurrentCallsShareHTTP2Connections(t *testing.T) {
	if got := burst(t, 300, true); got > 100 {
		t.Errorf("%d connections for 300 calls, want 100 at most", got)
	}
}

func TestConcurrentCallsOverHTTP1HaveAConnectionEach(t *testing.T) {
	if got := burst(t, 30, false); got < 30 {
		t.Errorf("%d connections for 30 calls, want 30", got)
	}
}

func TestACallWithoutAConnectionWasNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and does not complete the TLS handshake
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	c := junction.New(junction.Options{BaseURL: "https://" + listener.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 30 { // most of them wait for the first ones
		all.Go(func() {
			_, err := c.Refresh(ctx, sensitive.New(key), user, 5)
			if f := result.AsFailure(err); f.Code != result.UpstreamUnavailable || !f.NotSent {
				t.Errorf("%+v", f)
			}
		})
	}
	all.Wait()
}

func TestCallsWaitOneSecondForTheFirstOnesToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialed atomic.Int64
		rt := junction.NewTransport(100)
		over := make(chan struct{})
		junction.DialBy(rt, func() (net.Conn, error) {
			dialed.Add(1)
			<-over // a host that cannot be reached
			return nil, net.ErrClosed
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 100 {
			go func() {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://junction.example", http.NoBody)
				if resp, err := rt.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
		}
		synctest.Wait()
		if got := dialed.Load(); got != 8 {
			t.Errorf("%d calls dial at first, want 8", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := dialed.Load(); got != 100 {
			t.Errorf("%d calls dial after a second, want all 100", got)
		}
		close(over)
		synctest.Wait()
	})
}

func TestFailedConnectionsDoNotBlockLaterCalls(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client := &http.Client{Transport: junction.NewTransport(2)}
	for range 3 {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if resp, err := client.Get("https://" + address); err == nil {
					_ = resp.Body.Close()
					t.Error("no error")
				}
			})
		}
		both.Wait()
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	if server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Skip("another process uses the port now")
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	junction.Trust(client.Transport, server.Client().Transport.(*http.Transport).TLSClientConfig)
	resp, err := client.Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}
