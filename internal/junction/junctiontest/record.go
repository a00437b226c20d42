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

// Requests are the requests on record, oldest first: all since [New] or [Simulator.Reset], or the
// newest of them where that is more than [WithRecordLimit] keeps. A request is there before its
// answer is, and its status before the client sees it.
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

// Total counts all requests, those too that are no longer on record.
func (s *Simulator) Total() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.total
}

// Calls counts the refresh calls for a user that reached the simulator, whatever became of them.
func (s *Simulator) Calls(userID string) int {
	id, _ := canonicalID(userID)
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.calls[id]
}

// PeakInFlight is the highest number of requests that were being answered at the same time.
func (s *Simulator) PeakInFlight() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.peak
}

// requestLog is what came. Its memory is bounded by keep, and by one count for each user.
type requestLog struct {
	keep int

	mu     sync.Mutex
	ring   []*Request
	oldest int // in a full ring
	total  int
	calls  map[string]int

	inFlight, peak int
}

func (l *requestLog) add(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if r.UserID != "" {
		if l.calls == nil {
			l.calls = make(map[string]int)
		}
		l.calls[r.UserID]++
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

// recorder notes what is answered on its way to the client.
type recorder struct {
	http.ResponseWriter
	log      *requestLog
	entry    *Request // Status is guarded by log.mu
	exchange *Exchange
}

// record puts a request on record and returns the writer for its answer.
func (s *Simulator) record(w http.ResponseWriter, r *http.Request) *recorder {
	entry := &Request{
		Method: r.Method, Host: r.Host,
		Path: r.URL.Path, EscapedPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Header: Header(r.Header.Clone()), At: time.Now(),
	}
	entry.UserID, _ = refreshedUser(r)
	if r.Body != nil {
		body, _ := io.ReadAll(io.LimitReader(r.Body, keptRequestBody))
		entry.Body = string(body)
	}
	s.log.add(entry)
	rec := &recorder{ResponseWriter: w, log: &s.log, entry: entry}
	if s.hook != nil {
		rec.exchange = &Exchange{}
	}
	return rec
}

// conclude ends the record of a request, and shows it to the hook. A handler that returned without
// a word to a client that is still there has answered 200, as in net/http.
func (s *Simulator) conclude(rec *recorder, r *http.Request, returned bool) {
	if returned && r.Context().Err() == nil {
		rec.note(http.StatusOK)
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

// note sets the status, unless there is one.
func (rec *recorder) note(status int) {
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
		rec.note(status)
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.note(http.StatusOK)
	n, err := rec.ResponseWriter.Write(p)
	if e := rec.exchange; e != nil {
		e.BodyBytes += int64(n)
		e.Body = append(e.Body, p[:min(n, keptAnswerBody-len(e.Body))]...)
	}
	return n, err
}

// Unwrap lets http.ResponseController flush and hijack.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
