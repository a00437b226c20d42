package junction

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// staleAfter is the wall-clock time after which idle connections are not trusted any more. Load
	// balancers end a connection that was idle for 60 s (the default of an AWS Application Load Balancer);
	// a Lambda that was frozen meanwhile neither sees that nor runs a timer.
	staleAfter = 50 * time.Second
	// dials is how many calls may be on their way to a connection at once, and dialPatience how long
	// others let them go first.
	dials        = 8
	dialPatience = time.Second
)

// transport drops idle connections that may have died while the process was frozen, and lets a burst of
// calls share few HTTP/2 connections.
//
// Without help net/http dials anew for each of a thousand calls that begin at once, and finds out after a
// thousand handshakes that one connection would have carried a hundred of them. So a few go first, and
// the others find their connections open. Over HTTP/1.1 each has a connection of its own all the same.
type transport struct {
	*http.Transport
	now     func() time.Time
	dialing chan struct{} // holds an entry for each call without a connection

	mu   sync.Mutex
	used time.Time
}

// NewTransport returns the transport for Junction: connections are reused, also by as many calls at once
// as are given; no compression is asked for, so no answer is larger than it was sent.
func NewTransport(calls int) http.RoundTripper {
	return &transport{now: time.Now, dialing: make(chan struct{}, dials), Transport: &http.Transport{
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
	ctx := req.Context()
	connected, err := t.queue(ctx)
	if err != nil {
		return nil, err
	}
	defer connected()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected() }})
	return t.Transport.RoundTrip(req.WithContext(ctx))
}

// queue waits until few others have no connection, or for long enough: where connecting takes time, each
// call tries for itself. connected is to be called once there is a connection, or no call any more.
func (t *transport) queue(ctx context.Context) (connected func(), err error) {
	connected = sync.OnceFunc(func() { <-t.dialing })
	select {
	case t.dialing <- struct{}{}:
		return connected, nil
	default:
	}
	patience := time.NewTimer(dialPatience)
	defer patience.Stop()
	select {
	case t.dialing <- struct{}{}:
		return connected, nil
	case <-patience.C:
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
