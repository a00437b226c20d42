package junction

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// NewTransport returns the transport of a client for up to the given number of concurrent calls.
func NewTransport(calls int) http.RoundTripper { return newTransport(calls) }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.send(req)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// DialBy sets the dial function of a transport from NewTransport.
func DialBy(rt http.RoundTripper, dial func() (net.Conn, error)) {
	rt.(*transport).http.DialContext = func(context.Context, string, string) (net.Conn, error) { return dial() }
}

// Trust sets the TLS configuration of a transport from NewTransport, to trust a test's server.
func Trust(rt http.RoundTripper, config *tls.Config) { rt.(*transport).http.TLSClientConfig = config }
