package junctiontest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Call is one of the calls of Junction's API that the simulator answers.
type Call string

// The calls.
const (
	RefreshCall     Call = "refresh"     // POST /v2/user/refresh/{user_id}
	ResolveCall     Call = "resolve"     // GET /v2/user/resolve/{client_user_id}
	ListCall        Call = "list"        // GET /v2/user
	IntrospectCall  Call = "introspect"  // GET /v2/introspect/resources?user_id={user_id}
	ConnectionsCall Call = "connections" // GET /v2/user/providers/{user_id}
)

// CallOf returns the call that a request makes; "" if it makes none.
func CallOf(r *http.Request) Call {
	route, _ := routeOf(r)
	if r.Method != route.method {
		return ""
	}
	return route.call
}

// On matches the requests that make one of the calls, for [Simulator.InjectWhen].
func On(calls ...Call) func(*http.Request) bool {
	return func(r *http.Request) bool { return slices.Contains(calls, CallOf(r)) }
}

// Only returns a fault that spares all other calls, for [WithRandomFaults].
func Only(fault Fault, calls ...Call) Fault {
	match := On(calls...)
	return func(next http.Handler) http.Handler {
		faulty := fault(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				faulty.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// route is a path with the only method that it allows. After a path that ends in a slash follows one segment.
type route struct {
	path   string
	method string
	call   Call
}

var routes = []route{
	{"/v2/user", http.MethodGet, ListCall},
	{"/v2/user/resolve/", http.MethodGet, ResolveCall},
	{"/v2/user/refresh/", http.MethodPost, RefreshCall},
	{"/v2/user/providers/", http.MethodGet, ConnectionsCall},
	{"/v2/introspect/resources", http.MethodGet, IntrospectCall},
}

// routeOf returns the route of a request's path, whatever its method, and the path's decoded last segment if the
// route has one. The path is read as it was sent, so that an encoded slash stays within its segment. The zero route
// means that there is none.
func routeOf(r *http.Request) (found route, argument string) {
	path := r.URL.EscapedPath()
	for _, candidate := range routes {
		segment, under := strings.CutPrefix(path, candidate.path)
		if !under || (segment != "") != strings.HasSuffix(candidate.path, "/") || strings.Contains(segment, "/") {
			continue
		}
		if argument, err := url.PathUnescape(segment); err == nil {
			return candidate, argument
		}
	}
	return route{}, ""
}

// userOf returns the call that a request makes, and the canonical ID of the user that it is for, as far as the
// request names them.
func userOf(r *http.Request) (call Call, userID string) {
	_, argument := routeOf(r)
	switch call = CallOf(r); call {
	case RefreshCall, ConnectionsCall:
	case IntrospectCall:
		argument = lastValue(r, "user_id")
	default:
		return call, ""
	}
	userID, _ = canonicalID(argument)
	return call, userID
}

// lastValue returns a query parameter, or "". If there are several, the last one counts, as in FastAPI.
func lastValue(r *http.Request, name string) string {
	values := r.URL.Query()[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
