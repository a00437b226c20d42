package harness

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Server is `cmd/local serve`, which needs nothing but Go.
type Server struct {
	URL     string
	process *Process
}

// Serve starts `cmd/local serve` with more arguments.
func Serve(t *testing.T, args ...string) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	p := Must(Start(os.Environ(), Local(t), append([]string{"serve", "127.0.0.1:0", "--addr-file", file}, args...)...))(t)
	t.Cleanup(func() {
		p.Stop()
		CheckNoSecrets(t, p.Stdout.String()+p.Stderr.String())
	})
	s := &Server{process: p}
	err := p.WaitUntil("wrote its address", func() bool {
		text, err := os.ReadFile(file)
		s.URL = strings.TrimSpace(string(text))
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ServeCallers starts `cmd/local serve` for callers with Token or WebhookSecret.
func ServeCallers(t *testing.T, args ...string) *Server {
	t.Helper()
	return Serve(t, append([]string{"--speed", "100000", "--auth", "signature,token", "--token", Token, "--webhook-secret", WebhookSecret}, args...)...)
}

// Stderr returns what the server wrote there.
func (s *Server) Stderr() string { return s.process.Stderr.String() }

// Post sends a POST.
func (s *Server) Post(t *testing.T, path string, header http.Header, body string) Response {
	t.Helper()
	request := Must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body)))(t)
	request.Header = header.Clone()
	request.Header.Set("Content-Type", "application/json")
	resp := Must(http.DefaultClient.Do(request))(t)
	defer func() { _ = resp.Body.Close() }()
	text := Must(io.ReadAll(resp.Body))(t)
	answered := http.Header{}
	for _, name := range []string{"Content-Type", "Cache-Control", "Www-Authenticate"} { // and not Date
		answered.Set(name, resp.Header.Get(name))
	}
	return Response{resp.StatusCode, answered, string(text)}
}
