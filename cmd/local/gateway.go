package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// gatewayTimeout is how long an HTTP API waits for its integration, a hard quota.
	gatewayTimeout = 30 * time.Second
	// maxPayload is the largest body that an HTTP API takes.
	maxPayload = 10 << 20
)

// gateway is an http.Handler that stands in front of the function as an API Gateway HTTP API does.
type gateway struct {
	invoke  func(context.Context, []byte) (answer, error)
	timeout time.Duration // how long the function may take; API Gateway's is gatewayTimeout
	log     *screen       // one line per request
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	requestID := rand.Text()
	w.Header().Set("Apigw-Requestid", requestID)
	status := g.serve(w, r, requestID, began)
	// URL is encoded, so that no request can forge a line.
	g.log.printf("%s %s %s %d %s\n", began.Format(time.TimeOnly), r.Method, r.URL.RequestURI(), status, duration(time.Since(began)))
}

// serve answers a request and returns the status.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request, requestID string, now time.Time) int {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(w, http.StatusRequestEntityTooLarge)
	case err != nil: // the client is gone
		return refuse(w, http.StatusBadRequest)
	}
	event := newHTTPEvent(r, body, requestID, now)
	done := make(chan answer, 1)
	go func() { // a client that leaves does not end the invocation
		if a, err := g.invoke(context.WithoutCancel(r.Context()), event); err == nil {
			done <- a
		}
	}()
	timeout := time.NewTimer(g.timeout)
	defer timeout.Stop()
	select {
	case a := <-done:
		return respond(w, a)
	case <-timeout.C:
		return refuse(w, http.StatusServiceUnavailable)
	}
}

// refuse answers as API Gateway itself does.
func refuse(w http.ResponseWriter, status int) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(map[string]string{"message": http.StatusText(status)})) // the client may be gone
	return status
}

// httpAnswer is the function's answer in payload 2.0's form.
type httpAnswer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// respond writes the function's answer: as it says where it has a statusCode, and else as the body of
// a 200. A Lambda error, or an answer that is out of form, is a 500.
func respond(w http.ResponseWriter, a answer) int {
	var keys map[string]json.RawMessage
	if a.errored {
		return refuse(w, http.StatusInternalServerError)
	}
	if json.Unmarshal(a.payload, &keys) != nil || keys["statusCode"] == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.payload)
		return http.StatusOK
	}
	var out httpAnswer
	err := json.Unmarshal(a.payload, &out)
	body := []byte(out.Body)
	if err == nil && out.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(out.Body)
	}
	if err != nil || out.StatusCode < 200 || out.StatusCode > 599 {
		return refuse(w, http.StatusInternalServerError)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // where the function says none
	for name, value := range out.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range out.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(out.StatusCode)
	_, _ = w.Write(body)
	return out.StatusCode
}
