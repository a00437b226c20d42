//go:build linux

package standin

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// queueURL is the URL of the queue. Calls to it go where AWS_ENDPOINT_URL_SQS says.
const queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/bench"

// apiKey is the key that Junction's stand-in does not check.
const apiKey = "sk_us_bench"

// Distances are the round-trip times from a function.
type Distances struct {
	AWS      time.Duration // the AWS services of its region
	Junction time.Duration
}

// Services are Junction, Secrets Manager, DynamoDB, SQS and EventBridge at their distances. They use TLS as the real ones
// do, because that needs much of the memory and of the processor. The table grants every call.
type Services struct {
	Queue *Queue

	bus    bus
	table  string // URL of another table than the stand-in's
	folder string // has the certificates
	urls   struct{ junction, secrets, aws string }
	stops  []func()
}

// NewServices starts the services. junction is what answers as Junction.
func NewServices(junction http.Handler, away Distances) (*Services, error) {
	s := &Services{Queue: &Queue{sent: map[string]int{}}}
	api := s.start(junction, true)
	var err error
	for _, service := range []struct {
		server *httptest.Server
		away   time.Duration
		url    *string
	}{
		{api, away.Junction, &s.urls.junction},
		{s.start(http.HandlerFunc(secret), false), away.AWS, &s.urls.secrets},
		{s.start(http.HandlerFunc(s.serveAWS), false), away.AWS, &s.urls.aws},
	} {
		url, stop, startErr := distant(service.server, service.away)
		if err = errors.Join(err, startErr); startErr == nil {
			*service.url, s.stops = url, append(s.stops, stop)
		}
	}
	if err = errors.Join(err, s.writeCertificates(api)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// start starts a TLS server that does not log the errors of clients that are killed. It offers HTTP/2, as an AWS
// Application Load Balancer does, or only HTTP/1.1, as AWS's services do.
func (s *Services) start(handler http.Handler, http2 bool) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 128}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	s.stops = append(s.stops, func() { server.CloseClientConnections(); server.Close() })
	return server
}

func secret(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]string{"Name": "bench", "SecretString": apiKey})
}

func (s *Services) serveAWS(w http.ResponseWriter, r *http.Request) {
	switch service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); service {
	case "AmazonSQS":
		s.Queue.serve(w, r)
	case "DynamoDB_20120810":
		serveTable(w, r)
	default:
		s.bus.serve(w, r)
	}
}

// writeCertificates writes the certificate that all servers have: by itself, and together with the root certificates of
// this machine. The latter are laid out as in Lambda's provided.al2023, where Go reads each root three times at the first
// connection, which takes much of a small share of a processor: https://github.com/golang/go/issues/79018.
func (s *Services) writeCertificates(server *httptest.Server) (err error) {
	if s.folder, err = os.MkdirTemp("", "junction-bench-"); err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = os.RemoveAll(s.folder) })
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	roots, err := systemRoots()
	if err != nil {
		return err
	}
	all := slices.Concat(roots, own)
	err = errors.Join(os.Mkdir(s.path("certs"), 0o700), os.WriteFile(s.path("own.pem"), own, 0o600),
		os.WriteFile(s.path("all.pem"), all, 0o600), os.WriteFile(s.path("certs/ca-bundle.crt"), all, 0o600))
	for block, rest := pem.Decode(all); block != nil; block, rest = pem.Decode(rest) {
		err = errors.Join(err, os.WriteFile(s.path(fmt.Sprintf("certs/%d.pem", len(rest))), pem.EncodeToMemory(block), 0o600))
	}
	return err
}

// systemRoots returns the root certificates of this machine, which are in one of the places that Go knows: root_linux.go of
// crypto/x509.
func systemRoots() (roots []byte, err error) {
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"} {
		if roots, err = os.ReadFile(file); err == nil {
			return roots, nil
		}
	}
	return nil, errors.New("no root certificates on this machine: install the package ca-certificates")
}

func (s *Services) path(name string) string { return filepath.Join(s.folder, name) }

// UseTable makes the functions use another table than the stand-in's, at the given URL.
func (s *Services) UseTable(url string) { s.table = url }

// Published returns how many results were published.
func (s *Services) Published() int { return s.bus.published() }

// Environ returns the environment of this function, with every feature on: the secret, the quota's table, the queue and
// the bus. The values are the defaults of template.yaml.
func (s *Services) Environ() []string {
	table := s.table
	if table == "" {
		table = s.urls.aws
	}
	return append(s.common(),
		"JUNCTION_SECRET_ID=bench", "QUOTA_TABLE=bench", "REFRESH_QUEUE_URL="+queueURL, "RESULT_BUS=bench",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER="+s.urls.secrets, "AWS_ENDPOINT_URL_DYNAMODB="+table,
		"AWS_ENDPOINT_URL_SQS="+s.urls.aws, "AWS_ENDPOINT_URL_EVENTBRIDGE="+s.urls.aws)
}

// PeerEnviron returns the environment of a function that does nothing but call Junction: its key is in the environment.
func (s *Services) PeerEnviron() []string {
	return append(s.common(), "JUNCTION_API_KEY="+apiKey, "NODE_EXTRA_CA_CERTS="+s.path("own.pem"), "PATH="+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1")
}

func (s *Services) common() []string {
	return []string{
		"JUNCTION_BASE_URL=" + s.urls.junction, "SSL_CERT_FILE=" + s.path("all.pem"), "SSL_CERT_DIR=" + s.path("certs"),
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_VERSION=1", "AWS_LAMBDA_LOG_FORMAT=JSON",
	}
}

// Close stops the services.
func (s *Services) Close() {
	for _, stop := range s.stops {
		stop()
	}
}
