package test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// startPrism starts Prism, once for all tests.
var startPrism = sync.OnceValues(func() (*url.URL, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cli, err := filepath.Abs("node/node_modules/@stoplight/prism-cli/dist/index.js")
	if err != nil {
		return nil, err
	}
	description, err := filepath.Abs("junction/openapi.yaml")
	if err != nil {
		return nil, err
	}
	prism, err := start(os.Environ(), "node", cli, "mock", "--errors", "-h", "127.0.0.1", "-p", port(address), description)
	if err != nil {
		return nil, err
	}
	shared.add(prism)
	base := &url.URL{Scheme: "http", Host: address}
	return base, prism.serving(base.String())
})

// junction is Junction as the function under test sees it: a proxy before Prism that says which of
// the described answers is wanted, and records what was sent.
type junction struct {
	URL string

	// accept says whether a key is good; a bad one is answered 401. nil: all are.
	accept func(key string) bool
	// prefer is the answer to all requests, as Prism's Prefer header names it ("code=429"). "": by user.
	prefer string

	mu       sync.Mutex
	requests []*http.Request
	refused  []string // what Prism found wrong with requests
}

// answers are the described answers that are about a user.
var answers = map[string]string{
	junctiontest.DefaultUserID:             "code=200, example=partial",
	junctiontest.CompletedUserID:           "code=200, example=completed",
	junctiontest.SlowUserID:                "code=202, example=in_progress",
	junctiontest.NoSourcesUserID:           "code=400, example=no_sources",
	junctiontest.UnknownUserID:             "code=404, example=unknown",
	junctiontest.CompletedClientUserID:     "code=200, example=completed",
	junctiontest.NoSourcesClientUserID:     "code=404, example=unknown",
	"99999999-9999-4999-8999-999999999999": "code=422, example=validation",
}

// newJunction returns a Junction of the test's own. A request that the description does not allow
// fails the test.
func newJunction(t *testing.T, configure ...func(*junction)) *junction {
	t.Helper()
	prismCLI(t)
	need(t, "node")
	prism, err := startPrism()
	if err != nil {
		t.Fatal(err)
	}
	j := &junction{}
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

func (j *junction) preferred(r *http.Request) string {
	if j.accept != nil && !j.accept(r.Header.Get("X-Vital-Api-Key")) {
		return "code=401"
	}
	if j.prefer != "" {
		return j.prefer
	}
	return answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
}

// inspect looks for Prism's complaints. It has two ways to make them: a problem document where no
// answer is described for the request, and a header where one of 401 and 422 is.
func (j *junction) inspect(resp *http.Response) error {
	violations := resp.Header.Get("Sl-Violations")
	if violations == "" && resp.Header.Get("Content-Type") != "application/problem+json" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused = append(j.refused, resp.Request.Method+" "+resp.Request.URL.RequestURI()+": "+resp.Status+" "+violations)
	return nil
}

// sent returns the requests that came, as "POST /v2/…".
func (j *junction) sent() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := make([]string, 0, len(j.requests))
	for _, r := range j.requests {
		lines = append(lines, r.Method+" "+r.URL.RequestURI())
	}
	return lines
}

// keys returns the team keys that came, in order.
func (j *junction) keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var keys []string
	for _, r := range j.requests {
		keys = append(keys, r.Header.Get("X-Vital-Api-Key"))
	}
	return keys
}

// headers returns the values that came under a name, without repetitions.
func (j *junction) headers(name string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, r := range j.requests {
		all = append(all, strings.Join(r.Header.Values(name), ", "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
