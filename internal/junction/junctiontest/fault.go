package junctiontest

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// Fault makes the simulator misbehave. It gets the handler with the regular answer, and returns the handler to
// use instead, which may replace, change or delay that answer. A call whose handler does not call next does not
// count against the user's rate limit. Any middleware is a Fault.
type Fault func(next http.Handler) http.Handler

// handlerFunc returns a Fault that never calls next.
func handlerFunc(answer http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return answer }
}

// Chain combines faults, the first outermost: Chain(Latency(d), Status(503)) answers 503 after d. An empty chain
// changes nothing, which is useful between two injected faults.
func Chain(faults ...Fault) Fault {
	return func(next http.Handler) http.Handler {
		for i := len(faults) - 1; i >= 0; i-- {
			next = faults[i](next)
		}
		return next
	}
}

// Answer answers with the given status, header and body. The header may be nil.
func Answer(status int, header http.Header, body string) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may be gone
	})
}

// JSON answers with v as JSON, for example a [RefreshAnswer] or a [RefreshError]. It panics if v cannot be encoded.
func JSON(status int, v any) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, v) })
}

// Status answers with the given status, and its name as the detail, as FastAPI does.
func Status(status int) Fault {
	return JSON(status, map[string]string{"detail": http.StatusText(status)})
}

// TooManyRequests answers 429 with Retry-After in seconds, rounded up. If retryAfter is negative, the answer has
// no Retry-After.
func TooManyRequests(retryAfter time.Duration) Fault {
	return withRetryAfter(func() string {
		if retryAfter < 0 {
			return ""
		}
		return strconv.Itoa(int((retryAfter + time.Second - 1) / time.Second))
	})
}

// TooManyRequestsUntil answers 429 with a date as Retry-After, which is wait after the answer.
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

// Redirect redirects the client to another URL. A client that follows it might send its key there.
func Redirect(status int, location string) Fault {
	return Answer(status, http.Header{"Location": {location}}, "")
}

// EmptyBody answers with the content type of JSON and an empty body.
func EmptyBody(status int) Fault {
	return Answer(status, http.Header{"Content-Type": {"application/json"}}, "")
}

// Latency gives the regular answer after a wait, or none if the client disconnects before.
func Latency(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if wait(r.Context(), d) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// NeverAnswer accepts the request and does not answer until the client disconnects.
func NeverAnswer() Fault {
	return handlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// ResetConnection resets the connection before any answer (with a TCP RST, if it is TCP). It panics with
// http.ErrAbortHandler, which net/http's server handles without logging; a direct caller of ServeHTTP must
// recover from it. Note that net/http's client retries a GET if a reused connection is reset.
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
