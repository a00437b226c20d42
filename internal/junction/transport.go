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

// streams is how many calls one HTTP/2 connection is trusted to carry at once: an AWS Application Load
// Balancer allows 128, RFC 9113 recommends no less than 100.
const streams = 100

// transport drops idle connections that may have died while the process was frozen, and lets a burst of
// calls share few HTTP/2 connections.
//
// Without help net/http dials anew for each of a thousand calls that begin at once, and finds out after a
// thousand handshakes that one connection would have carried a hundred of them. So the first call goes
// ahead until it is known what Junction speaks. HTTP/1.1 has as many connections as calls.
type transport struct {
	http1, http2 *http.Transport
	now          func() time.Time

	speaks *protocol

	mu   sync.Mutex
	used time.Time
}

// NewTransport returns the transport for Junction: connections are reused, also by as many calls at once
// as are given; no compression is asked for, so no answer is larger than it was sent.
func NewTransport(calls int) http.RoundTripper {
	one := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    calls,
		IdleConnTimeout:        staleAfter,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		// A call has some 300 bytes and its answer some thousand: less memory for each of many connections.
		ReadBufferSize: 2 << 10, WriteBufferSize: 1 << 10,
		// An HTTP/2 connection that died silently is found out by a ping and not by a user's timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
	two := one.Clone()
	two.MaxConnsPerHost = 1 + calls/streams
	return &transport{now: time.Now, http1: one, http2: two, speaks: newProtocol()}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	now := t.now().Round(0) // wall clock: the monotonic one stands still in a frozen Lambda
	stale := now.Sub(t.used) > staleAfter
	t.used = now
	t.mu.Unlock()
	if stale {
		t.http1.CloseIdleConnections()
		t.http2.CloseIdleConnections()
	}
	if req.URL.Scheme != "https" {
		return t.http1.RoundTrip(req)
	}
	req, isHTTP2, done, err := t.speaks.ask(req)
	if err != nil {
		return nil, err
	}
	defer done()
	if isHTTP2 {
		return t.http2.RoundTrip(req)
	}
	return t.http1.RoundTrip(req)
}
