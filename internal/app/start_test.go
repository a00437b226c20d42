package app_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// peer is a server that counts connections and notes requests.
type peer struct {
	mu          sync.Mutex
	connections int
	requests    []string
}

func newPeer(t *testing.T, answer string) (p *peer, url string) {
	t.Helper()
	p = &peer{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests = append(p.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target"))
		_, _ = io.WriteString(w, answer)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if state == http.StateNew {
			p.connections++
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return p, server.URL
}

// want waits until the peer has one connection and the requests.
func (p *peer) want(t *testing.T, name string, requests ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		connections, got := p.connections, slices.Clone(p.requests)
		p.mu.Unlock()
		diff := cmp.Diff(requests, got)
		if connections == 1 && diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s has %d connections, want 1; requests (-want +got):\n%s", name, connections, diff)
			return
		}
	}
}

func TestTheStartReadsTheSecretAndConnectsAndSendsJunctionNothing(t *testing.T) {
	manager, managerURL := newPeer(t, `{"SecretString":"sk_us_0123456789"}`)
	table, tableURL := newPeer(t, `{}`)
	refreshes, queueURL := newPeer(t, `{}`)
	results, busURL := newPeer(t, `{}`)
	junction, junctionURL := newPeer(t, `{}`)
	awstest.SetEndpoint(t, managerURL, "SECRETS_MANAGER")
	awstest.SetEndpoint(t, tableURL, "DYNAMODB")
	awstest.SetEndpoint(t, queueURL, "SQS")
	awstest.SetEndpoint(t, busURL, "EVENTBRIDGE")
	environ := awstest.Environ("JUNCTION_API_KEY=", "JUNCTION_SECRET_ID=junction/key", "JUNCTION_BASE_URL="+junctionURL,
		"QUOTA_TABLE=table", "REFRESH_QUEUE_URL="+queueURL+"/refreshes", "RESULT_BUS=results")
	if _, err := app.New(environ, "test", slog.New(slog.DiscardHandler), app.Options{}); err != nil {
		t.Fatal(err)
	}
	manager.want(t, "Secrets Manager", "POST / secretsmanager.GetSecretValue")
	table.want(t, "the table", "POST / DynamoDB_20120810.GetItem")
	refreshes.want(t, "the queue")
	results.want(t, "the bus")
	junction.want(t, "Junction")
}

func TestTheStartDoesNotWaitForAJunctionThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and never answers the TLS handshake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	started := make(chan error, 1)
	go func() {
		_, err := app.New(awstest.Environ("JUNCTION_BASE_URL=https://"+listener.Addr().String()), "test", slog.New(slog.DiscardHandler), app.Options{})
		started <- err
	}()
	select {
	case err := <-started:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(4 * time.Second): // the handshake's own limit is 5 s
		t.Error("the function has not started")
	}
}
