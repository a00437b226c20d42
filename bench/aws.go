package main

import (
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// sqs takes all messages, as fast as it can: what is measured is the function.
type sqs struct {
	url  string // of the queue
	mu   sync.Mutex
	sent []string
	all  map[string]int // how often each body was sent
}

func newSQS() *sqs {
	return &sqs{url: "https://sqs.us-east-1.amazonaws.com/123456789012/bench", all: map[string]int{}}
}

// take returns the bodies that were sent since.
func (s *sqs) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

func (s *sqs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		ID          string `json:"Id"`
		MessageBody string
	}
	var call struct{ Entries []entry }
	if json.NewDecoder(r.Body).Decode(&call) != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".SendMessageBatch") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var took []map[string]string
	for _, e := range call.Entries {
		sum := md5.Sum([]byte(e.MessageBody))
		took = append(took, map[string]string{"Id": e.ID, "MessageId": e.ID, "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		s.sent = append(s.sent, e.MessageBody)
		s.all[e.MessageBody]++
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": took, "Failed": []string{}})
}

// eventBridge takes all results, and counts them.
type eventBridge struct {
	mu    sync.Mutex
	count int
}

func (b *eventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Entries []json.RawMessage }
	if json.NewDecoder(r.Body).Decode(&call) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.count += len(call.Entries)
	b.mu.Unlock()
	took := make([]map[string]string, len(call.Entries))
	for i := range took {
		took[i] = map[string]string{"EventId": "e"}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 0, "Entries": took})
}

func (b *eventBridge) published() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
