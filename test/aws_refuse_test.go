package test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// refuseEntries is a partial failure of PutEvents or SendMessageBatch: the entries for which code returns
// an error code are refused with it, and the others go on. Each AWS answer says so in its own way.
func refuseEntries(code func(place int, entry string) string) junctiontest.Fault {
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
			said := mergeEvents
			if _, messages := request["QueueUrl"]; messages {
				said = mergeMessages
			}
			merged := said(answer.Body.Bytes(), entries, codes)
			answer.Body.Reset()
			_, _ = answer.Body.Write(merged)
			answer.Header().Del("Content-Length")
			copyAnswer(w, answer)
		})
	}
}

// mergeEvents is PutEvents' answer: one entry for each, in their order.
func mergeEvents(answer []byte, _ []json.RawMessage, codes []string) []byte {
	var taken struct{ Entries []json.RawMessage }
	_ = json.Unmarshal(answer, &taken)
	var all []json.RawMessage
	failed := 0
	for _, code := range codes {
		if code == "" {
			all, taken.Entries = append(all, taken.Entries[0]), taken.Entries[1:]
			continue
		}
		failed++
		entry, _ := json.Marshal(map[string]string{"ErrorCode": code, "ErrorMessage": "refused by the test"})
		all = append(all, entry)
	}
	merged, _ := json.Marshal(map[string]any{"FailedEntryCount": failed, "Entries": all})
	return merged
}

// mergeMessages is SendMessageBatch's answer: two lists, by the entries' own IDs.
func mergeMessages(answer []byte, entries []json.RawMessage, codes []string) []byte {
	taken := map[string][]any{"Successful": {}}
	_ = json.Unmarshal(answer, &taken)
	for i, code := range codes {
		if code != "" {
			var entry struct {
				ID string `json:"Id"`
			}
			_ = json.Unmarshal(entries[i], &entry)
			taken["Failed"] = append(taken["Failed"], map[string]any{
				"Id": entry.ID, "Code": code, "Message": "refused by the test", "SenderFault": !slices.Contains(sqsOwnFaults, code),
			})
		}
	}
	merged, _ := json.Marshal(taken)
	return merged
}

// sqsOwnFaults are codes of SQS that are not the sender's fault.
var sqsOwnFaults = []string{"InternalError", "ServiceUnavailable"}

// entries returns the entries of a call, in their order.
func (c awsCall) entries(t *testing.T) []json.RawMessage {
	t.Helper()
	return decode[struct{ Entries []json.RawMessage }](t, c.body).Entries
}
