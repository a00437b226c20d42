package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// timeout is how long the function may take for each step.
const timeout = 60 * time.Second

// runtimeAPI is a stand-in for Lambda's runtime API, for one function.
type runtimeAPI struct {
	*httptest.Server
	polled  chan time.Time // when the function asked for the next event
	events  chan string
	answers chan string
}

func newRuntimeAPI() *runtimeAPI {
	api := &runtimeAPI{polled: make(chan time.Time, 1), events: make(chan string), answers: make(chan string, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		api.polled <- time.Now()
		select {
		case event := <-api.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "bench")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(90*time.Second).UnixMilli(), 10))
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/bench/response", func(w http.ResponseWriter, r *http.Request) {
		answer, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		api.answers <- string(answer)
	})
	api.Server = httptest.NewServer(mux)
	return api
}

// run starts a binary, waits for its first poll, and calls use.
func run(binary string, environ []string, use func(*runtimeAPI, *exec.Cmd) error) (started time.Duration, err error) {
	api := newRuntimeAPI()
	defer api.Close()
	command := exec.Command(binary)
	command.Env = append(slices.Clone(environ), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	began := time.Now()
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	select {
	case at := <-api.polled:
		started = at.Sub(began)
	case <-time.After(timeout):
		return 0, fmt.Errorf("%s did not poll", binary)
	}
	return started, use(api, command)
}

// warmRSS returns the resident memory of a function in MiB after the given number of refreshes.
func warmRSS(binary string, environ []string, refreshes int) (mib float64, err error) {
	event := `{"user_id":"` + junctiontest.DefaultUserID + `","timeout":30}`
	_, err = run(binary, environ, func(api *runtimeAPI, command *exec.Cmd) error {
		for range refreshes {
			if _, err := api.invoke(event, `"status":"partial"`); err != nil {
				return err
			}
		}
		mib, err = residentMiB(command.Process.Pid, "VmRSS")
		return err
	})
	return mib, err
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
	<-api.polled
	return took, nil
}

// residentMiB returns a process's resident memory in MiB: field is VmRSS for now, and VmHWM for its highest.
func residentMiB(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no " + field + " in the status of the process")
}
