package junction

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// staleAfter is the wall-clock time after which idle connections are not trusted any more. Load
// balancers end a connection that was idle for 60 s (the default of an AWS Application Load Balancer);
// a Lambda that was frozen meanwhile neither sees that nor runs a timer.
const staleAfter = 50 * time.Second

// transport drops idle connections that may have died while the process was frozen.
type transport struct {
	*http.Transport
	now func() time.Time

	mu   sync.Mutex
	used time.Time
}

// NewTransport returns the transport for Junction: connections are reused, also by MAX_CONCURRENCY
// refreshes at once; no compression is asked for, so no answer is larger than it was sent.
func NewTransport() http.RoundTripper {
	return &transport{now: time.Now, Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    100,
		IdleConnTimeout:        staleAfter,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		// An HTTP/2 connection that died silently is found out by a ping and not by a user's timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	now := t.now().Round(0) // wall clock: the monotonic one stands still in a frozen Lambda
	stale := now.Sub(t.used) > staleAfter
	t.used = now
	t.mu.Unlock()
	if stale {
		t.CloseIdleConnections()
	}
	return t.Transport.RoundTrip(req)
}
