package junction

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// frozenConn is the connection of a process that is frozen while the server closes the connection: what was read is
// held back until the process looks at the connection again, or writes to it.
type frozenConn struct {
	*net.TCPConn
	mu     sync.Mutex
	frozen chan struct{} // closed when the process thaws; nil if it is not frozen
	held   chan struct{} // closed when the end of the connection is held back
}

func (c *frozenConn) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen, c.held = make(chan struct{}), make(chan struct{})
}

func (c *frozenConn) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen != nil {
		close(c.frozen)
		c.frozen = nil
	}
}

func (c *frozenConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.mu.Lock()
	frozen, held := c.frozen, c.held
	c.mu.Unlock()
	if frozen != nil {
		if err != nil {
			close(held)
		}
		<-frozen
	}
	return n, err
}

func (c *frozenConn) Write(p []byte) (int, error) {
	c.thaw()
	return c.TCPConn.Write(p)
}

func (c *frozenConn) SyscallConn() (syscall.RawConn, error) {
	c.thaw()
	return c.TCPConn.SyscallConn()
}

func TestACallWhoseConnectionWasLostInAFreezeIsSentOnceOrNotAtAll(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1.1":          (*httptest.Server).Start,
		"HTTP/1.1 over TLS": (*httptest.Server).StartTLS,
		"HTTP/2":            func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		for _, end := range []string{"closed", "reset", "closed for good"} {
			t.Run(name+" "+end, func(t *testing.T) {
				var calls atomic.Int32
				accepted := make(chan net.Conn, 10)
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					_, _ = io.WriteString(w, `{"success":true,"user_id":"u"}`)
				}))
				server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
					accepted <- conn
					return ctx
				}
				start(server)
				t.Cleanup(server.Close)

				dialed := make(chan *frozenConn, 10)
				c := New(Options{BaseURL: server.URL})
				tr := c.transport
				tr.http.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					frozen := &frozenConn{TCPConn: conn.(*net.TCPConn)}
					dialed <- frozen
					return frozen, nil
				}
				tr.http.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig

				if _, err := c.Refresh(t.Context(), sensitive.New("sk_us_x"), "u", 5); err != nil {
					t.Fatal(err)
				}
				client, peer := <-dialed, <-accepted
				client.freeze()
				if secure, ok := peer.(*tls.Conn); ok {
					peer = secure.NetConn()
				}
				if end == "reset" {
					_ = peer.(*net.TCPConn).SetLinger(0)
				}
				_ = peer.Close()
				wantCalls := int32(2)
				if end == "closed for good" {
					_ = server.Listener.Close()
					wantCalls = 1
				}
				<-client.held
				_, err := c.Refresh(t.Context(), sensitive.New("sk_us_x"), "u", 5)
				sent := err == nil || !result.AsFailure(err).NotSent
				if got := calls.Load(); got != wantCalls || sent != (wantCalls == 2) {
					t.Errorf("error %v, cause %v; reported as sent: %t; the server got %d calls, want %d",
						err, errors.Unwrap(err), sent, got, wantCalls)
				}
			})
		}
	}
}
