package junction

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// DialBy sets the dial function of a transport from NewTransport.
func DialBy(rt http.RoundTripper, dial func() (net.Conn, error)) {
	rt.(*transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return dial() }
}

// Trust sets the TLS configuration of a transport from NewTransport, to trust a test's server.
func Trust(rt http.RoundTripper, config *tls.Config) { rt.(*transport).TLSClientConfig = config }
