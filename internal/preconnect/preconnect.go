// Package preconnect opens a connection before the first request that needs it.
package preconnect

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"strings"
	"sync"
)

// Open makes call open the connection for its request, and returns as soon as the connection is ready or has failed.
// The request is never sent: it is canceled when its connection is dialed, and net/http, which dials on, keeps the
// connection for the next request. call must make one request with the context that it gets, to a host that has no
// connection yet. endpoint is the URL that is requested; "" is one with https.
func Open(ctx context.Context, endpoint string, call func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plain := strings.HasPrefix(endpoint, "http:")
	dialing, canceled, ready := make(chan struct{}), make(chan struct{}), make(chan struct{})
	dial := sync.OnceFunc(func() { close(dialing) })
	finish := sync.OnceFunc(func() { close(ready) })
	call(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) {
			dial()
			cancel()
			<-canceled // the request ends before there is a connection to send it on
		},
		ConnectDone: func(_, _ string, err error) {
			if plain || err != nil {
				finish()
			}
		},
		TLSHandshakeDone: func(tls.ConnectionState, error) { finish() },
	}))
	close(canceled)
	select {
	case <-dialing:
		<-ready
	default: // the call failed before
	}
}
