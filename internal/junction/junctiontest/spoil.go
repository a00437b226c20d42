package junctiontest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Truncated announces the faithful answer's length, sends half of it and hangs up.
func Truncated() Fault {
	return spoil(func(w http.ResponseWriter, _ *http.Request, status int, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // an error means that the writer has no buffer
	})
}

// SlowDrip sends the faithful answer byte by byte, waiting before each, until it is through or the
// client leaves.
func SlowDrip(every time.Duration) Fault {
	return spoil(func(w http.ResponseWriter, r *http.Request, status int, body []byte) {
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

// Rewrite answers faithfully but for what edit does to the JSON object.
func Rewrite(edit func(answer map[string]any)) Fault {
	return spoil(func(w http.ResponseWriter, _ *http.Request, status int, body []byte) {
		answer := make(map[string]any)
		_ = json.Unmarshal(body, &answer) // what is no object is edited as an empty one
		edit(answer)
		writeJSON(w, status, answer)
	})
}

// AnotherUser answers faithfully but with another user's ID.
func AnotherUser(userID string) Fault {
	return Rewrite(func(answer map[string]any) { answer["user_id"] = userID })
}

// NullLists answers faithfully but with null for each list.
func NullLists() Fault {
	return Rewrite(func(answer map[string]any) {
		for name, value := range answer {
			if _, list := value.([]any); list {
				answer[name] = nil
			}
		}
	})
}

// WrongTypes answers faithfully but with each value as another type: text for what is true, a
// number or a list, and a number for text.
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

// spoil lets the faithful answer be made, and gives it to send with its headers already set.
func spoil(send func(w http.ResponseWriter, r *http.Request, status int, body []byte)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			held := &heldAnswer{header: w.Header()}
			next.ServeHTTP(held, r)
			if held.status != 0 { // else the client left before there was an answer
				send(w, r, held.status, held.body.Bytes())
			}
		})
	}
}

// heldAnswer is a response that is not sent yet.
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
