package junction

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// DialBy makes a transport of NewTransport dial in a test's way.
func DialBy(rt http.RoundTripper, dial func() (net.Conn, error)) {
	rt.(*transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return dial() }
}

// Trust makes a transport of NewTransport trust a test's server.
func Trust(rt http.RoundTripper, config *tls.Config) { rt.(*transport).TLSClientConfig = config }
