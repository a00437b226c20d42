package junction

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// staleAfter is the wall-clock time after which idle connections are closed. Load balancers close a
	// connection that was idle for 60 s (the default of an AWS Application Load Balancer), and a Lambda that
	// was frozen at that time did not notice.
	staleAfter = 50 * time.Second
	// maxDialing is how many calls may be without a connection at once, and maxDialWait how long other calls
	// wait for one of these to get its connection.
	maxDialing  = 8
	maxDialWait = time.Second
)

// transport does not use connections that were lost while the process was frozen, and makes concurrent calls share a
// few HTTP/2 connections. Its requests must have no body.
//
// For a thousand calls at once net/http would dial a thousand times, because it does not know before the
// handshake that an HTTP/2 connection can carry a hundred of them. So a few calls dial first, and the others use
// their connections. Over HTTP/1.1 each call still has its own connection.
type transport struct {
	http    *http.Transport
	now     func() time.Time
	dialing chan struct{} // has an element per call without a connection

	mu       sync.Mutex
	lastUsed time.Time
}

// newTransport returns the transport for up to the given number of concurrent calls to Junction.
func newTransport(calls int) *transport {
	return &transport{now: time.Now, dialing: make(chan struct{}, maxDialing), http: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    calls,
		IdleConnTimeout:        staleAfter,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // so that an answer is not larger than what was sent
		// A call has some 300 bytes, and its answer some thousand: small buffers save memory for many connections.
		ReadBufferSize: 2 << 10, WriteBufferSize: 1 << 10,
		// A ping notices that an HTTP/2 connection is lost earlier than a call's timeout does.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// connect opens a connection: see preconnect.Open.
func (t *transport) connect(req *http.Request) {
	t.closeStale()
	if resp, err := t.http.RoundTrip(req); err == nil {
		_ = resp.Body.Close()
	}
}

// closeStale closes the idle connections if the last one was used too long ago.
func (t *transport) closeStale() {
	t.mu.Lock()
	now := t.now().Round(0) // the wall clock, because the monotonic one stands still in a frozen Lambda
	stale := now.Sub(t.lastUsed) > staleAfter
	t.lastUsed = now
	t.mu.Unlock()
	if stale {
		t.http.CloseIdleConnections()
	}
}

func (t *transport) send(req *http.Request) (*http.Response, *callError) {
	t.closeStale()
	ctx := req.Context()
	connected, err := t.waitToDial(ctx)
	if err != nil {
		return nil, &callError{error: err, notSent: true}
	}
	defer connected()
	ctx, cancel := context.WithCancelCause(ctx)
	p := progress{onConn: connected, stop: func() { cancel(errResent) }}
	req = req.WithContext(httptrace.WithClientTrace(ctx, p.trace()))
	for {
		resp, err := t.http.RoundTrip(req)
		switch {
		case err == nil:
			return resp, nil // cancel would end its body
		case p.reused && isClosedIdle(err):
			continue
		case errors.Is(context.Cause(ctx), errResent):
			err = errResent
		}
		cancel(nil)
		return nil, p.failure(err)
	}
}

// waitToDial waits until fewer than maxDialing calls are without a connection, but no longer than maxDialWait.
// connected must be called as soon as the call has a connection or has ended.
func (t *transport) waitToDial(ctx context.Context) (connected func(), err error) {
	select {
	case t.dialing <- struct{}{}:
		return sync.OnceFunc(func() { <-t.dialing }), nil
	case <-time.After(maxDialWait):
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
