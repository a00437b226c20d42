package junctiontest

import (
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	keptRequestBody = 4 << 10
	keptAnswerBody  = 64 << 10
)

// Requests returns the recorded requests since [New] or [Simulator.Reset], oldest first, up to the limit of
// [WithRecordLimit]. A request is recorded before it is answered, and its status before the client sees it.
func (s *Simulator) Requests() []Request {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := make([]Request, 0, len(l.ring))
	for i := range l.ring {
		requests = append(requests, *l.ring[(l.oldest+i)%len(l.ring)])
	}
	return requests
}

// Total returns the number of requests since [New] or [Simulator.Reset], including those beyond [WithRecordLimit].
func (s *Simulator) Total() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.total
}

// Calls returns the number of refresh calls for a user, whatever their answer.
func (s *Simulator) Calls(userID string) int { return s.Count(RefreshCall, userID) }

// Count returns how often a call was made for a user, whatever the answers. If userID is "", it counts the call for
// all users, also those without a valid ID. Only a refresh, an introspection and a question for connections are
// counted for a user.
func (s *Simulator) Count(call Call, userID string) int {
	id, ok := canonicalID(userID)
	if !ok && userID != "" {
		return 0
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.calls[callCount{call, id}]
}

// PeakInFlight returns the highest number of concurrent requests.
func (s *Simulator) PeakInFlight() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.peak
}

// callCount is what one counter is for. Without a user it is for all of them.
type callCount struct {
	call   Call
	userID string
}

// requestLog has the recorded requests. Its memory is bounded by keep, and by three counters per user.
type requestLog struct {
	keep int

	mu     sync.Mutex
	ring   []*Request
	oldest int // index in a full ring
	total  int
	calls  map[callCount]int

	inFlight, peak int
}

func (l *requestLog) add(r *Request, call Call, userID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if l.calls == nil {
		l.calls = make(map[callCount]int)
	}
	l.calls[callCount{call, ""}]++
	if userID != "" {
		l.calls[callCount{call, userID}]++
	}
	l.inFlight++
	l.peak = max(l.peak, l.inFlight)
	switch {
	case len(l.ring) < l.keep:
		l.ring = append(l.ring, r)
	case l.keep > 0:
		l.ring[l.oldest] = r
		l.oldest = (l.oldest + 1) % l.keep
	}
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.oldest, l.total, l.calls, l.peak = nil, 0, 0, nil, l.inFlight
}

// recorder is an http.ResponseWriter that records the answer.
type recorder struct {
	http.ResponseWriter
	log      *requestLog
	entry    *Request // Status is guarded by log.mu
	exchange *Exchange
}

// record records a request, and returns the writer for its answer.
func (s *Simulator) record(w http.ResponseWriter, r *http.Request) *recorder {
	entry := &Request{
		Method: r.Method, Host: r.Host,
		Path: r.URL.Path, EscapedPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Header: Header(r.Header.Clone()), At: time.Now(),
	}
	call, userID := userOf(r)
	if call == RefreshCall {
		entry.UserID = userID
	}
	if r.Body != nil {
		body, _ := io.ReadAll(io.LimitReader(r.Body, keptRequestBody))
		entry.Body = string(body)
	}
	s.log.add(entry, call, userID)
	rec := &recorder{ResponseWriter: w, log: &s.log, entry: entry}
	if s.hook != nil {
		rec.exchange = &Exchange{}
	}
	return rec
}

// finishRecord completes the record of a request and calls the hook. As in net/http, a handler that returned
// without writing has answered 200, unless the client has disconnected.
func (s *Simulator) finishRecord(rec *recorder, r *http.Request, returned bool) {
	if returned && r.Context().Err() == nil {
		rec.setStatus(http.StatusOK)
	}
	s.log.mu.Lock()
	s.log.inFlight--
	request := *rec.entry
	s.log.mu.Unlock()
	if s.hook == nil {
		return
	}
	rec.exchange.Request = request
	rec.exchange.Took = time.Since(request.At)
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	s.hook(*rec.exchange)
}

// setStatus sets the status, unless there is one.
func (rec *recorder) setStatus(status int) {
	rec.log.mu.Lock()
	defer rec.log.mu.Unlock()
	if rec.entry.Status != 0 {
		return
	}
	rec.entry.Status = status
	if rec.exchange != nil {
		rec.exchange.Answer = rec.Header().Clone()
	}
}

func (rec *recorder) WriteHeader(status int) {
	if status >= 200 {
		rec.setStatus(status)
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.setStatus(http.StatusOK)
	n, err := rec.ResponseWriter.Write(p)
	if e := rec.exchange; e != nil {
		e.BodyBytes += int64(n)
		e.Body = append(e.Body, p[:min(n, keptAnswerBody-len(e.Body))]...)
	}
	return n, err
}

// Unwrap lets http.ResponseController flush and hijack.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
