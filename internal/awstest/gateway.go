package awstest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// GatewayTimeout is how long an API Gateway HTTP API waits for the function. The quota is hard.
	GatewayTimeout = 30 * time.Second
	// maxRequestBody is the largest body that an HTTP API takes, in bytes.
	maxRequestBody = 10 << 20
)

// Gateway is an http.Handler that stands in front of a function as an API Gateway HTTP API does: each
// request becomes an event, and the function's answer becomes the response. Function is required.
type Gateway struct {
	Function Function
	Timeout  time.Duration // how long the function may take; 0 is GatewayTimeout

	// OnResponse, if it is set, is told of each response. It is called from several goroutines.
	OnResponse func(r *http.Request, status int, began time.Time)
}

// answer is what an invocation ended with.
type answer struct {
	payload []byte
	err     error
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	requestID := rand.Text()
	w.Header().Set("Apigw-Requestid", requestID)
	status := g.serve(w, r, requestID, began)
	if g.OnResponse != nil {
		g.OnResponse(r, status, began)
	}
}

// serve writes the response and returns its status.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, requestID string, now time.Time) int {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(w, http.StatusRequestEntityTooLarge)
	case err != nil: // the client is gone
		return refuse(w, http.StatusBadRequest)
	}
	event := HTTPAPIEvent(r, body, requestID, now)
	answered := make(chan answer, 1)
	go func() { // a client that disconnects does not end the invocation
		payload, err := g.Function(context.WithoutCancel(r.Context()), event)
		answered <- answer{payload, err}
	}()
	limit := g.Timeout
	if limit == 0 {
		limit = GatewayTimeout
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case a := <-answered:
		return respond(w, a)
	case <-timeout.C:
		return refuse(w, http.StatusServiceUnavailable)
	}
}

// refuse writes a response of API Gateway's own and returns its status.
func refuse(w http.ResponseWriter, status int) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(map[string]string{"message": http.StatusText(status)})) // the client may be gone
	return status
}

// respond writes the function's answer and returns the status. An answer with a statusCode is a response;
// any other is the body of a 200. An error, or a response that is malformed, is a 500.
func respond(w http.ResponseWriter, a answer) int {
	if a.err != nil {
		return refuse(w, http.StatusInternalServerError)
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(a.payload, &keys) != nil || keys["statusCode"] == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.payload)
		return http.StatusOK
	}
	var response events.APIGatewayV2HTTPResponse
	err := json.Unmarshal(a.payload, &response)
	body := []byte(response.Body)
	if err == nil && response.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(response.Body)
	}
	if err != nil || response.StatusCode < 200 || response.StatusCode > 599 {
		return refuse(w, http.StatusInternalServerError)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // unless the function names another
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range response.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body)
	return response.StatusCode
}
