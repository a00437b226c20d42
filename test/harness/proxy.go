package harness

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// Proxy is AWS as the function under test sees it: a proxy in front of the stand-in that records what was sent, and
// injects faults.
type Proxy struct {
	URL  string
	next http.Handler

	mu     sync.Mutex
	calls  []Call
	faults []*injected
	traces map[string]string // by message ID: the trace headers of SendMessageBatch, which the stand-in drops
}

// Call is a request of the function to AWS.
type Call struct {
	Body   []byte
	Status int // of the answer; 0 before it

	operation string // of X-Amz-Target, such as PutEvents
}

// Entries returns the entries of a batch call, in their order.
func (c Call) Entries(t *testing.T) []json.RawMessage {
	t.Helper()
	return Decode[struct{ Entries []json.RawMessage }](t, c.Body).Entries
}

type injected struct {
	operation string
	left      int // negative: always
	fault     junctiontest.Fault
}

// connections are closed before the stand-in's server closes them.
func connections() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 50, IdleConnTimeout: time.Second}
}

func newProxy(t *testing.T, upstream string) *Proxy {
	t.Helper()
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.Transport = connections()
	forward.ErrorLog = log.New(io.Discard, "", 0) // a function that is killed leaves its calls
	p := &Proxy{next: forward, traces: map[string]string{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Inject gives the next n calls of an operation a fault; junctiontest.Always until ClearFaults.
func (p *Proxy) Inject(operation string, n int, fault junctiontest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &injected{operation, n, fault})
}

// ClearFaults removes the faults of an operation.
func (p *Proxy) ClearFaults(operation string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = slices.DeleteFunc(p.faults, func(f *injected) bool { return f.operation == operation })
}

// Calls returns the calls of an operation, oldest first.
func (p *Proxy) Calls(operation string) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var calls []Call
	for _, c := range p.calls {
		if c.operation == operation {
			calls = append(calls, c)
		}
	}
	return calls
}

// ServeHTTP passes a call on, unless a fault answers it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the function is gone
	}
	handler := p.next
	p.mu.Lock()
	place := len(p.calls)
	p.calls = append(p.calls, Call{operation: operation, Body: body})
	for i, f := range p.faults {
		if f.operation == operation {
			if f.left--; f.left == 0 {
				p.faults = slices.Delete(p.faults, i, i+1)
			}
			handler = f.fault(handler)
			break
		}
	}
	p.mu.Unlock()
	setBody(r, body)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(hijackable{answer, w}, r)
	if operation == "SendMessageBatch" {
		p.keepTraces(body, answer.Body.Bytes())
	}
	p.mu.Lock()
	p.calls[place].Status = answer.Code
	p.mu.Unlock()
	copyAnswer(w, answer)
}

// hijackable is a recorder whose connection can be reset.
type hijackable struct {
	*httptest.ResponseRecorder
	conn http.ResponseWriter
}

func (h hijackable) Unwrap() http.ResponseWriter { return h.conn }

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func copyAnswer(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// keepTraces records the AWSTraceHeader of each message of a batch.
func (p *Proxy) keepTraces(request, answer []byte) {
	var sent struct {
		Entries []struct {
			ID                      string `json:"Id"`
			MessageSystemAttributes map[string]struct{ StringValue string }
		}
	}
	var accepted struct {
		Successful []struct {
			ID        string `json:"Id"`
			MessageID string `json:"MessageId"`
		}
	}
	if json.Unmarshal(request, &sent) != nil || json.Unmarshal(answer, &accepted) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, entry := range sent.Entries {
		for _, s := range accepted.Successful {
			if header := entry.MessageSystemAttributes["AWSTraceHeader"].StringValue; s.ID == entry.ID && header != "" {
				p.traces[s.MessageID] = header
			}
		}
	}
}

func (p *Proxy) trace(messageID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traces[messageID]
}
