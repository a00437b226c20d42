package preconnect_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/preconnect"
)

// server notes the remote address of each connection and of each request, in order.
type server struct {
	*httptest.Server
	mu                    sync.Mutex
	connections, requests []string
}

func newServer(t *testing.T, start func(*httptest.Server)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r.RemoteAddr)
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if state == http.StateNew {
			s.connections = append(s.connections, c.RemoteAddr().String())
		}
	}
	start(s.Server)
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() (connections, requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.connections), slices.Clone(s.requests)
}

// get makes a GET with a transport.
func get(t *testing.T, transport *http.Transport, ctx context.Context, url string) error { //nolint:revive // t comes first in tests
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

// newTransport returns a transport that trusts every certificate. It has one connection at most, so that a request does
// not dial another one while the first is made ready.
func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true, MaxConnsPerHost: 1,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestTheFirstRequestUsesTheOpenedConnection(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP":     (*httptest.Server).Start,
		"HTTP/1.1": (*httptest.Server).StartTLS,
		"HTTP/2":   func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, start)
			transport := newTransport(t)
			preconnect.Open(t.Context(), s.URL, func(ctx context.Context) {
				if err := get(t, transport, ctx, s.URL); !errors.Is(err, context.Canceled) {
					t.Errorf("the call that opens the connection returns %v, want %v", err, context.Canceled)
				}
			})
			if err := get(t, transport, t.Context(), s.URL); err != nil {
				t.Fatal(err)
			}
			if connections, requests := s.seen(); len(requests) != 1 || requests[0] != connections[0] {
				t.Errorf("connections %v and requests %v; want one request, on the first connection", connections, requests)
			}
		})
	}
}

func TestTheConnectionIsDialedAfterTheRequestHasEnded(t *testing.T) {
	s := newServer(t, (*httptest.Server).Start)
	transport := newTransport(t)
	dialed := make(chan struct{})
	transport.DialContext = (&net.Dialer{Control: func(string, string, syscall.RawConn) error {
		close(dialed)
		return nil
	}}).DialContext
	preconnect.Open(t.Context(), s.URL, func(ctx context.Context) {
		_ = get(t, transport, ctx, s.URL)
		select {
		case <-dialed:
			t.Error("there is a connection on which the request could be sent")
		case <-time.After(50 * time.Millisecond): // the dial waits for this function
		}
	})
	<-dialed
}

func TestAConnectionThatFailsIsNotWaitedFor(t *testing.T) {
	s := newServer(t, (*httptest.Server).StartTLS)
	refused := s.URL
	s.Close()
	plain := newServer(t, (*httptest.Server).Start)
	for name, url := range map[string]string{
		"refused":      refused,
		"no TLS there": "https" + plain.URL[len("http"):],
		"no host":      "https://",
	} {
		t.Run(name, func(t *testing.T) {
			transport := newTransport(t)
			preconnect.Open(t.Context(), url, func(ctx context.Context) {
				if err := get(t, transport, ctx, url); err == nil {
					t.Error("the call succeeds")
				}
			})
		})
	}
	if _, requests := plain.seen(); len(requests) > 0 {
		t.Errorf("requests %v, want none", requests)
	}
}
