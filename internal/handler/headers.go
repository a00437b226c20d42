package handler

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/document"
)

// respondAsync is the preference of a caller that does not wait for the refresh (RFC 7240, 4.1).
const respondAsync = "respond-async"

// prefersAsync reports whether the caller prefers not to wait.
func (r *Request) prefersAsync() bool {
	for preference := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		token, _, _ := strings.Cut(preference, ";")
		if strings.EqualFold(strings.TrimSpace(token), respondAsync) {
			return true
		}
	}
	return false
}

// maxAge returns the oldest stored result that the caller accepts, by its Cache-Control header (RFC 9111,
// 5.2.1); nil if it does not say. Directives that cannot be read are ignored; of several max-age the first counts.
func (r *Request) maxAge() (age *time.Duration) {
	for directive := range strings.SplitSeq(strings.Join(r.Header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 64)
		switch {
		case strings.EqualFold(name, "no-cache"):
			return new(time.Duration(0))
		case age == nil && strings.EqualFold(name, "max-age") && (err == nil || errors.Is(err, strconv.ErrRange)):
			age = new(min(time.Duration(min(seconds, 1<<32))*time.Second, document.MaxAge))
		}
	}
	return age
}

// fromSDK reports whether one of Junction's SDKs sent the request. They retry by themselves.
func (r *Request) fromSDK() bool { return r.Header.Get("X-Fern-Sdk-Name") != "" }

// fromSvix reports whether the request has the headers of Junction's webhooks.
func (r *Request) fromSvix() bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "Svix-") {
			return true
		}
	}
	return false
}
