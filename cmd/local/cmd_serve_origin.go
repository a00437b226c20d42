package main

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// originGuard refuses what a web page in the developer's browser sends: it must not refresh users with the key of
// --live. Programs are not refused.
type originGuard struct {
	name   string // the host that serve was told to listen on
	listen net.IP // its address
	next   *awstest.Gateway
}

// ServeHTTP implements http.Handler.
func (g originGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.allows(r) {
		g.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(encode(map[string]string{"message": http.StatusText(http.StatusForbidden)})) // the client may be gone
	g.next.OnResponse(r, http.StatusForbidden, time.Now())
}

func (g originGuard) allows(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		if origin != "http://"+r.Host {
			return false
		}
	}
	return g.allowsHost(r.Host)
}

// allowsHost reports whether a Host header names this computer. A page can give its own name the address of this
// computer (DNS rebinding), and then has the origin that it claims; but it cannot rebind an address.
func (g originGuard) allowsHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil { // without a port
		name = strings.Trim(host, "[]")
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name != "" && strings.EqualFold(name, g.name) {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && (ip.IsLoopback() || ip.Equal(g.listen) || g.listen.IsUnspecified())
}
