//go:build linux

package standin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// timeout is how long a function may take for each step.
const timeout = 2 * time.Minute

// runtimeAPI is Lambda's runtime API, for one function.
type runtimeAPI struct {
	*httptest.Server
	polled  chan time.Time // when the function asked for the next event
	events  chan string
	answers chan string
}

func newRuntimeAPI() *runtimeAPI {
	api := &runtimeAPI{polled: make(chan time.Time, 1), events: make(chan string), answers: make(chan string, 1)}
	const invocation = "/2018-06-01/runtime/invocation/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+invocation+"next", func(w http.ResponseWriter, r *http.Request) {
		api.polled <- time.Now()
		select {
		case event := <-api.events:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "bench")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(90*time.Second).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
	})
	answer := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		api.answers <- string(body)
	}
	mux.HandleFunc("POST "+invocation+"bench/response", answer)
	mux.HandleFunc("POST "+invocation+"bench/error", answer)
	api.Server = httptest.NewServer(mux)
	return api
}

// invoke sends the function an event, and returns how long the answer took. The answer must contain want.
func (api *runtimeAPI) invoke(event, want string) (took time.Duration, err error) {
	began := time.Now()
	select {
	case api.events <- event:
	case <-time.After(timeout):
		return 0, errors.New("the function did not take the event")
	}
	select {
	case answer := <-api.answers:
		took = time.Since(began)
		if !strings.Contains(answer, want) {
			return 0, fmt.Errorf("the function answered %.500s", answer)
		}
	case <-time.After(timeout):
		return 0, errors.New("the function did not answer")
	}
	select {
	case <-api.polled:
		return took, nil
	case <-time.After(timeout):
		return 0, errors.New("the function did not poll again")
	}
}
