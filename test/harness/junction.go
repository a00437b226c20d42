package harness

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const prismCLI = "test/node/node_modules/@stoplight/prism-cli/dist/index.js"

// startPrism starts Prism, which answers as junction.yaml describes and refuses every other request.
var startPrism = sync.OnceValues(func() (*url.URL, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	prism, err := Start(os.Environ(), "node", Path(prismCLI), "mock", "--errors", "-h", "127.0.0.1", "-p", Port(address), Path("test/harness/junction.yaml"))
	if err != nil {
		return nil, err
	}
	services.stopAtEnd(prism.Stop)
	base := &url.URL{Scheme: "http", Host: address}
	return base, prism.WaitForHTTP(base.String())
})

// Junction is Junction as the function under test sees it: a proxy in front of Prism that chooses the answer and
// records what was sent.
type Junction struct {
	URL string

	// Accept reports whether a key is good; a bad one is answered 401. nil accepts all.
	Accept func(key string) bool
	// Prefer is the answer to all requests, as Prism's Prefer header names it ("code=429"). "" chooses by user.
	Prefer string

	mu       sync.Mutex
	requests []*http.Request
	refused  []string // what Prism found wrong
}

// InvalidUserID is a UUID that Junction finds invalid.
const InvalidUserID = "99999999-9999-4999-8999-999999999999"

// answers are the described answers, by the user that they are about.
var answers = map[string]string{
	junctiontest.DefaultUserID:         "code=200, example=partial",
	junctiontest.CompletedUserID:       "code=200, example=completed",
	junctiontest.SlowUserID:            "code=202, example=in_progress",
	junctiontest.NoSourcesUserID:       "code=400, example=no_sources",
	junctiontest.UnknownUserID:         "code=404, example=unknown",
	junctiontest.CompletedClientUserID: "code=200, example=completed",
	junctiontest.NoSourcesClientUserID: "code=404, example=unknown",
	InvalidUserID:                      "code=422, example=validation",

	"providers of " + junctiontest.CompletedUserID: "code=200, example=connected",
	"providers of " + junctiontest.DefaultUserID:   "code=200, example=reconnect",
	"providers of " + junctiontest.NoSourcesUserID: "code=200, example=none",
	"providers of " + junctiontest.UnknownUserID:   "code=404, example=unknown",
	"resources of " + junctiontest.SlowUserID:      "code=200, example=ended",
	"resources of " + junctiontest.NoSourcesUserID: "code=200, example=none",
	"resources of " + junctiontest.UnknownUserID:   "code=200, example=none",
}

// NewJunction returns a Junction of the test's own. The test fails if a request is not as described.
func NewJunction(t *testing.T, configure ...func(*Junction)) *Junction {
	t.Helper()
	Need(t, "node")
	Tool(t, "Prism", prismCLI)
	prism := Must(startPrism())(t)
	j := &Junction{}
	for _, f := range configure {
		f(j)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(prism)
			r.Out.Header.Set("Prefer", j.preferred(r.In))
		},
		ModifyResponse: j.inspect,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.mu.Lock()
		j.requests = append(j.requests, r.Clone(r.Context()))
		j.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		for _, complaint := range j.refused {
			t.Errorf("Prism: %s", complaint)
		}
	})
	j.URL = server.URL
	return j
}

func (j *Junction) preferred(r *http.Request) string {
	if j.Accept != nil && !j.Accept(r.Header.Get("X-Vital-Api-Key")) {
		return "code=401"
	}
	if j.Prefer != "" {
		return j.Prefer
	}
	return answers[subject(r)]
}

// subject returns what a request is about: a user, or what is read of one.
func subject(r *http.Request) string {
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == "/v2/introspect/resources":
		return "resources of " + r.URL.Query().Get("user_id")
	case strings.HasPrefix(r.URL.Path, "/v2/user/providers/"):
		return "providers of " + last
	}
	return last
}

// inspect looks for Prism's complaints: a problem document if no answer is described for the request, or a header
// if a 401 or a 422 is described.
func (j *Junction) inspect(resp *http.Response) error {
	violations := resp.Header.Get("Sl-Violations")
	if violations == "" && resp.Header.Get("Content-Type") != "application/problem+json" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused = append(j.refused, resp.Request.Method+" "+resp.Request.URL.RequestURI()+": "+resp.Status+" "+violations)
	return nil
}

// Requests returns the requests that arrived, in order, as "POST /v2/…".
func (j *Junction) Requests() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := make([]string, 0, len(j.requests))
	for _, r := range j.requests {
		lines = append(lines, r.Method+" "+r.URL.RequestURI())
	}
	return lines
}

// Keys returns the team keys that arrived, in order.
func (j *Junction) Keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var keys []string
	for _, r := range j.requests {
		keys = append(keys, r.Header.Get("X-Vital-Api-Key"))
	}
	return keys
}

// HeaderValues returns the values that arrived for a header, without repetitions.
func (j *Junction) HeaderValues(name string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, r := range j.requests {
		all = append(all, strings.Join(r.Header.Values(name), ", "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// NewSimulator starts a simulator of Junction, which knows TeamKey and has no rate limit, unless the options set
// others.
func NewSimulator(t *testing.T, options ...junctiontest.Option) (simulator *junctiontest.Simulator, baseURL string) {
	t.Helper()
	simulator = junctiontest.New(append([]junctiontest.Option{junctiontest.WithKeys(TeamKey), junctiontest.WithLimit(0, 0)}, options...)...)
	server := Must(simulator.Start(""))(t)
	t.Cleanup(func() { _ = server.Close() })
	return simulator, server.URL()
}

// GeneratedUserIDs returns the IDs of the simulator's first generated users.
func GeneratedUserIDs(n int) []string {
	ids := make([]string, 0, n)
	for i := range n {
		ids = append(ids, junctiontest.GeneratedUserID(i))
	}
	return ids
}
