//go:build linux

package standin

import (
	"crypto/md5" // SQS's own checksum
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// Queue is SQS, which accepts all messages.
type Queue struct {
	mu      sync.Mutex
	waiting []string       // bodies that have not been received
	sent    map[string]int // how often each body was sent
}

// Receive returns the bodies that were sent since the last call.
func (s *Queue) Receive() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting
	s.waiting = nil
	return waiting
}

// Sent returns how often each body was sent.
func (s *Queue) Sent() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.sent)
}

func (s *Queue) serve(w http.ResponseWriter, r *http.Request) {
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

// serveTable is DynamoDB, which makes all writes.
func serveTable(w http.ResponseWriter, r *http.Request) {
	var call struct{ Statements []struct{} } // if it is a BatchExecuteStatement
	if json.NewDecoder(r.Body).Decode(&call) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Responses": call.Statements}) // none has an error
}

// bus is EventBridge, which accepts and counts all results.
type bus struct {
	mu    sync.Mutex
	count int
}

func (b *bus) serve(w http.ResponseWriter, r *http.Request) {
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

func (b *bus) published() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
