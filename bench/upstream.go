package main

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// instant returns a stand-in for Junction that answers at once and without a rate limit.
func instant() http.Handler {
	return junctiontest.New(junctiontest.WithLimit(0, 0), junctiontest.WithSpeed(math.Inf(1)), junctiontest.WithKeys("sk_us_bench"))
}

// upstream has stand-ins for Junction, Secrets Manager, SQS and EventBridge. They use TLS as the real ones do, because
// that needs much of the memory.
type upstream struct {
	junction, secrets, aws *httptest.Server
	queue                  *sqs
	bus                    *eventBridge
	roots                  string // file with the certificate that all of them have
}

func newUpstream(junction http.Handler) (*upstream, error) {
	u := &upstream{
		junction: quietServer(junction, true), queue: newSQS(), bus: &eventBridge{},
		secrets: quietServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			_ = json.NewEncoder(w).Encode(map[string]string{"Name": "bench", "SecretString": "sk_us_bench"})
		}), false),
	}
	u.aws = quietServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.") {
			u.queue.ServeHTTP(w, r)
		} else {
			u.bus.ServeHTTP(w, r)
		}
	}), false)
	file, err := os.CreateTemp("", "bench-*.pem")
	if err != nil {
		return nil, err
	}
	u.roots = file.Name()
	err = pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: u.junction.Certificate().Raw})
	return u, errors.Join(err, file.Close())
}

// quietServer starts a TLS server that does not log the errors of clients that are killed. It offers HTTP/2, as an AWS
// Application Load Balancer does, or only HTTP/1.1, as AWS's services do.
func quietServer(handler http.Handler, http2 bool) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 128}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	return server
}

// environ returns the function's environment except for AWS_LAMBDA_RUNTIME_API.
func (u *upstream) environ() []string {
	return []string{
		"JUNCTION_SECRET_ID=bench", "QUOTA_LIMIT=0", "COALESCE_WINDOW=0s", "JUNCTION_BASE_URL=" + u.junction.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + u.secrets.URL,
		"AWS_ENDPOINT_URL_SQS=" + u.aws.URL, "AWS_ENDPOINT_URL_EVENTBRIDGE=" + u.aws.URL,
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "SSL_CERT_FILE=" + u.roots,
		"AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_LOG_FORMAT=JSON",
	}
}

func (u *upstream) close() {
	u.junction.Close()
	u.secrets.Close()
	u.aws.Close()
	_ = os.Remove(u.roots)
}
