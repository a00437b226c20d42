package junctiontest

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// Fault stands in the way of a request: it gets the handler that would answer faithfully, and
// returns the one that answers instead. Some faults never ask next (then the call does not count
// against the user's rate), some spoil what it says, some only delay it. Any middleware is a Fault.
type Fault func(next http.Handler) http.Handler

// handlerFunc makes a Fault of a handler that never asks next.
func handlerFunc(answer http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return answer }
}

// Chain is several faults at once, the first outermost: Chain(Latency(d), Status(503)) answers 503
// after d. An empty chain is no fault, which is useful as a pause between two injected ones.
func Chain(faults ...Fault) Fault {
	return func(next http.Handler) http.Handler {
		for i := len(faults) - 1; i >= 0; i-- {
			next = faults[i](next)
		}
		return next
	}
}

// Answer answers with exactly this. The header may be nil.
func Answer(status int, header http.Header, body string) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may be gone
	})
}

// JSON answers with v as JSON, for example a [RefreshAnswer] or a [RefreshError]. v must be encodable.
func JSON(status int, v any) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, v) })
}

// Status answers with a status and its name as FastAPI's detail.
func Status(status int) Fault {
	return JSON(status, map[string]string{"detail": http.StatusText(status)})
}

// TooManyRequests answers 429 with Retry-After in seconds, rounded up. A negative wait sends no
// Retry-After at all.
func TooManyRequests(retryAfter time.Duration) Fault {
	return withRetryAfter(func() string {
		if retryAfter < 0 {
			return ""
		}
		return strconv.Itoa(int((retryAfter + time.Second - 1) / time.Second))
	})
}

// TooManyRequestsUntil answers 429 with Retry-After as the HTTP date that is wait after the answer.
func TooManyRequestsUntil(wait time.Duration) Fault {
	return withRetryAfter(func() string { return time.Now().Add(wait).UTC().Format(http.TimeFormat) })
}

func withRetryAfter(value func() string) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if v := value(); v != "" {
			w.Header().Set("Retry-After", v)
		}
		writeDetail(w, http.StatusTooManyRequests, "Too Many Requests")
	})
}

// HTML answers with an HTML page, as a load balancer in front of Junction does.
func HTML(status int) Fault {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	page := "<html>\n<head><title>" + title + "</title></head>\n<body><center><h1>" + title + "</h1></center></body>\n</html>\n"
	return Answer(status, http.Header{"Content-Type": {"text/html"}}, page)
}

// Redirect sends the client to another URL. A client that follows would carry its key there.
func Redirect(status int, location string) Fault {
	return Answer(status, http.Header{"Location": {location}}, "")
}

// EmptyBody answers with a status that promises JSON, and nothing behind it.
func EmptyBody(status int) Fault {
	return Answer(status, http.Header{"Content-Type": {"application/json"}}, "")
}

// Latency answers faithfully after a wait, or not at all where the client leaves before.
func Latency(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if wait(r.Context(), d) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// NeverAnswer takes the request and is silent until the client leaves.
func NeverAnswer() Fault {
	return handlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// ResetConnection breaks the connection off before any answer (a TCP RST where there is TCP). It
// ends in a panic with http.ErrAbortHandler, which net/http's server takes in silence; whoever
// calls ServeHTTP directly must recover from it. Mind that net/http's client repeats a GET by
// itself where a connection that it used before is reset.
func ResetConnection() Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if wrapper, ok := conn.(interface{ NetConn() net.Conn }); ok {
				conn = wrapper.NetConn() // TLS
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
		panic(http.ErrAbortHandler)
	})
}
