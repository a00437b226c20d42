package harness

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// RejectEntries is a partial failure of PutEvents or SendMessageBatch: the entries for which code returns an error
// code are rejected with it, and the others are passed on.
func RejectEntries(code func(index int, entry string) string) junctiontest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			var request map[string]json.RawMessage
			var entries, kept []json.RawMessage
			if err != nil || json.Unmarshal(body, &request) != nil || json.Unmarshal(request["Entries"], &entries) != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			codes := make([]string, len(entries))
			for i, entry := range entries {
				if codes[i] = code(i, string(entry)); codes[i] == "" {
					kept = append(kept, entry)
				}
			}
			answer := httptest.NewRecorder()
			answer.Header().Set("Content-Type", r.Header.Get("Content-Type"))
			if len(kept) > 0 {
				request["Entries"], _ = json.Marshal(kept)
				body, _ = json.Marshal(request)
				setBody(r, body)
				next.ServeHTTP(answer, r)
			}
			if answer.Code != http.StatusOK {
				copyAnswer(w, answer)
				return
			}
			merge := mergeEvents
			if _, messages := request["QueueUrl"]; messages {
				merge = mergeMessages
			}
			merged := merge(answer.Body.Bytes(), entries, codes)
			answer.Body.Reset()
			_, _ = answer.Body.Write(merged)
			answer.Header().Del("Content-Length")
			copyAnswer(w, answer)
		})
	}
}

// mergeEvents returns PutEvents' answer: one entry per event, in their order.
func mergeEvents(answer []byte, _ []json.RawMessage, codes []string) []byte {
	var accepted struct{ Entries []json.RawMessage }
	_ = json.Unmarshal(answer, &accepted)
	var all []json.RawMessage
	failed := 0
	for _, code := range codes {
		if code == "" {
			all, accepted.Entries = append(all, accepted.Entries[0]), accepted.Entries[1:]
			continue
		}
		failed++
		entry, _ := json.Marshal(map[string]string{"ErrorCode": code, "ErrorMessage": "rejected by the test"})
		all = append(all, entry)
	}
	merged, _ := json.Marshal(map[string]any{"FailedEntryCount": failed, "Entries": all})
	return merged
}

// mergeMessages returns SendMessageBatch's answer: two lists, with the entries' own IDs.
func mergeMessages(answer []byte, entries []json.RawMessage, codes []string) []byte {
	accepted := map[string][]any{"Successful": {}}
	_ = json.Unmarshal(answer, &accepted)
	for i, code := range codes {
		if code != "" {
			var entry struct {
				ID string `json:"Id"`
			}
			_ = json.Unmarshal(entries[i], &entry)
			accepted["Failed"] = append(accepted["Failed"], map[string]any{
				"Id": entry.ID, "Code": code, "Message": "rejected by the test", "SenderFault": !slices.Contains(serverFaults, code),
			})
		}
	}
	merged, _ := json.Marshal(accepted)
	return merged
}

// serverFaults are the error codes of SQS that are not the sender's fault.
var serverFaults = []string{"InternalError", "ServiceUnavailable"}

// Sometimes gives a share of the requests (0 to 1) one of the faults.
func Sometimes(rate float64, faults ...junctiontest.Fault) junctiontest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler := next
			if rand.Float64() < rate {
				handler = faults[rand.IntN(len(faults))](next)
			}
			handler.ServeHTTP(w, r)
		})
	}
}
