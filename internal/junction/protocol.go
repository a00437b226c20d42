package junction

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// protocol is whether Junction speaks HTTP/2, once the first handshake has told.
type protocol struct {
	first chan struct{} // holds a token while nobody is finding out
	known chan struct{} // closed once it is known
	once  sync.Once
	http2 bool // to be read once it is known
}

func newProtocol() *protocol {
	p := &protocol{first: make(chan struct{}, 1), known: make(chan struct{})}
	p.first <- struct{}{}
	return p
}

// ask says whether a call goes by HTTP/2. While that is not known one call finds out, and the others
// wait for it, or for their own end. done is to be called after the call.
func (p *protocol) ask(req *http.Request) (traced *http.Request, isHTTP2 bool, done func(), err error) {
	select {
	case <-p.known:
		return req, p.http2, func() {}, nil
	default:
	}
	select {
	case <-p.known:
		return req, p.http2, func() {}, nil
	case <-req.Context().Done():
		return nil, false, nil, context.Cause(req.Context())
	case <-p.first:
	}
	trace := &httptrace.ClientTrace{TLSHandshakeDone: func(state tls.ConnectionState, err error) {
		if err == nil {
			p.once.Do(func() {
				p.http2 = state.NegotiatedProtocol == "h2"
				close(p.known)
			})
		}
	}}
	// Where it fails before it knows, the next one finds out.
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace)), true, func() { p.first <- struct{}{} }, nil
}
