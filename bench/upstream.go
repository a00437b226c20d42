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
	"time"

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
		switch service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); service {
		case "AmazonSQS":
			u.queue.ServeHTTP(w, r)
		case "DynamoDB_20120810":
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, "{}") // every call is granted
		default:
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

// Round-trip times from a function to the AWS services of its region, and to Junction: assumptions.
const (
	toAWS      = time.Millisecond
	toJunction = 20 * time.Millisecond
)

// distant returns the environment of a function with every feature (a table, a queue and a bus) that is as far from all
// services as in reality. stop ends it.
func (u *upstream) distant() (environ []string, stop func(), err error) {
	environ = append(u.environ(), "QUOTA_LIMIT=8", "COALESCE_WINDOW=60s", "QUOTA_TABLE=bench", "REFRESH_QUEUE_URL="+u.queue.url, "RESULT_BUS=bench")
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for _, at := range []struct {
		server    *httptest.Server
		roundTrip time.Duration
		names     []string
	}{
		{u.junction, toJunction, []string{"JUNCTION_BASE_URL"}},
		{u.secrets, toAWS, []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER"}},
		{u.aws, toAWS, []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_EVENTBRIDGE"}},
	} {
		url, end, err := distant(at.server, at.roundTrip)
		if err != nil {
			stop()
			return nil, nil, err
		}
		stops = append(stops, end)
		for _, name := range at.names {
			environ = append(environ, name+"="+url)
		}
	}
	return environ, stop, nil
}

func (u *upstream) close() {
	u.junction.Close()
	u.secrets.Close()
	u.aws.Close()
	_ = os.Remove(u.roots)
}
