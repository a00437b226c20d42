package main

import (
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// sqs is a stand-in for SQS that accepts all messages.
type sqs struct {
	url string // of the queue

	mu      sync.Mutex
	waiting []string       // bodies that have not been received
	sent    map[string]int // how often each body was sent
}

func newSQS() *sqs {
	return &sqs{url: "https://sqs.us-east-1.amazonaws.com/123456789012/bench", sent: map[string]int{}}
}

// receive returns the bodies that were sent since the last call.
func (s *sqs) receive() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting
	s.waiting = nil
	return waiting
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
	var successful []map[string]string
	for _, e := range call.Entries {
		sum := md5.Sum([]byte(e.MessageBody))
		successful = append(successful, map[string]string{"Id": e.ID, "MessageId": e.ID, "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		s.waiting = append(s.waiting, e.MessageBody)
		s.sent[e.MessageBody]++
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": successful, "Failed": []string{}})
}

// eventBridge is a stand-in for EventBridge that accepts and counts all results.
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
	entries := make([]map[string]string, len(call.Entries))
	for i := range entries {
		entries[i] = map[string]string{"EventId": "e"}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 0, "Entries": entries})
}

func (b *eventBridge) published() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
