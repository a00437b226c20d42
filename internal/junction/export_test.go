package junction

import (
	"crypto/tls"
	"net/http"
)

// Trust makes a transport of NewTransport trust a test's server.
func Trust(rt http.RoundTripper, config *tls.Config) {
	t := rt.(*transport)
	t.http1.TLSClientConfig, t.http2.TLSClientConfig = config, config.Clone()
}
