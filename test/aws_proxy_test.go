package test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
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

// awsProxy is AWS as the function under test sees it: a proxy before the stand-in that keeps what was
// sent, and puts faults in the way.
type awsProxy struct {
	URL  string
	next http.Handler

	mu     sync.Mutex
	calls  []awsCall
	faults []*awsFault
	traces map[string]string // by message ID: the trace headers of batches, which the stand-in forgets
}

// awsCall is a request, as it came from the function.
type awsCall struct {
	operation string // of X-Amz-Target, such as PutEvents
	body      []byte
	status    int // of the answer; 0 where there was none
}

type awsFault struct {
	operation string
	left      int // below 0: always
	fault     junctiontest.Fault
}

// connections do not outlive what the stand-in's server keeps open.
func connections() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 50, IdleConnTimeout: time.Second}
}

func newAWSProxy(t *testing.T, upstream string) *awsProxy {
	t.Helper()
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.Transport = connections()
	p := &awsProxy{next: forward, traces: map[string]string{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// inject gives the next n calls of an operation a fault; junctiontest.Always until relent.
func (p *awsProxy) inject(operation string, n int, fault junctiontest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &awsFault{operation, n, fault})
}

// relent forgets the faults of an operation.
func (p *awsProxy) relent(operation string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = slices.DeleteFunc(p.faults, func(f *awsFault) bool { return f.operation == operation })
}

// sent returns the calls of an operation, oldest first.
func (p *awsProxy) sent(operation string) []awsCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	var calls []awsCall
	for _, c := range p.calls {
		if c.operation == operation {
			calls = append(calls, c)
		}
	}
	return calls
}

func (p *awsProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the function is gone
	}
	handler := p.next
	p.mu.Lock()
	place := len(p.calls)
	p.calls = append(p.calls, awsCall{operation: operation, body: body})
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
	p.calls[place].status = answer.Code
	p.mu.Unlock()
	copyAnswer(w, answer)
}

// hijackable is a recorder whose connection can be broken off.
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

// keepTraces notes which message of a batch came with which AWSTraceHeader.
func (p *awsProxy) keepTraces(request, answer []byte) {
	var sent struct {
		Entries []struct {
			ID                      string `json:"Id"`
			MessageSystemAttributes map[string]struct{ StringValue string }
		}
	}
	var taken struct {
		Successful []struct {
			ID        string `json:"Id"`
			MessageID string `json:"MessageId"`
		}
	}
	if json.Unmarshal(request, &sent) != nil || json.Unmarshal(answer, &taken) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, entry := range sent.Entries {
		for _, s := range taken.Successful {
			if header := entry.MessageSystemAttributes["AWSTraceHeader"].StringValue; s.ID == entry.ID && header != "" {
				p.traces[s.MessageID] = header
			}
		}
	}
}

func (p *awsProxy) trace(messageID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traces[messageID]
}

// sometimes gives a share of the requests (0 to 1) one of the faults.
func sometimes(rate float64, faults ...junctiontest.Fault) junctiontest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rand.Float64() < rate {
				next = faults[rand.IntN(len(faults))](next)
			}
			next.ServeHTTP(w, r)
		})
	}
}
