package junctiontest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Truncated sends the length of the regular answer and half of its body, and closes the connection.
func Truncated() Fault {
	return change(func(w http.ResponseWriter, _ *http.Request, status int, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // an error means that the writer has no buffer
	})
}

// SlowDrip sends the regular answer byte by byte, and waits before each byte. It stops if the client disconnects.
func SlowDrip(every time.Duration) Fault {
	return change(func(w http.ResponseWriter, r *http.Request, status int, body []byte) {
		w.WriteHeader(status)
		flusher := http.NewResponseController(w)
		for i := range body {
			_ = flusher.Flush()
			if !wait(r.Context(), every) {
				return
			}
			if _, err := w.Write(body[i : i+1]); err != nil {
				return
			}
		}
	})
}

// Rewrite gives the regular answer after edit has changed its JSON object.
func Rewrite(edit func(answer map[string]any)) Fault {
	return change(func(w http.ResponseWriter, _ *http.Request, status int, body []byte) {
		answer := make(map[string]any)
		_ = json.Unmarshal(body, &answer) // an answer that is not an object counts as an empty one
		edit(answer)
		writeJSON(w, status, answer)
	})
}

// AnotherUser gives the regular answer with another user's ID.
func AnotherUser(userID string) Fault {
	return Rewrite(func(answer map[string]any) { answer["user_id"] = userID })
}

// NullLists gives the regular answer with null instead of each list.
func NullLists() Fault {
	return Rewrite(func(answer map[string]any) {
		for name, value := range answer {
			if _, list := value.([]any); list {
				answer[name] = nil
			}
		}
	})
}

// WrongTypes gives the regular answer with a value of another type in each field: a number instead of a string, and
// a string instead of anything else.
func WrongTypes() Fault {
	return Rewrite(func(answer map[string]any) {
		for name, value := range answer {
			if _, text := value.(string); text {
				answer[name] = 42
			} else {
				answer[name] = "yes"
			}
		}
	})
}

// change calls send with the regular answer, whose headers are already set, instead of sending it.
func change(send func(w http.ResponseWriter, r *http.Request, status int, body []byte)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			held := &heldAnswer{header: w.Header()}
			next.ServeHTTP(held, r)
			if held.status != 0 { // otherwise the client disconnected before there was an answer
				send(w, r, held.status, held.body.Bytes())
			}
		})
	}
}

// heldAnswer is an http.ResponseWriter that keeps the answer instead of sending it.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}
