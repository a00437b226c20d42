package junction_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// serveRaw starts a server that answers the request of each connection with the given bytes, and keeps the
// connection open if hold is true. It returns a client for it.
func serveRaw(t *testing.T, answer string, hold bool) *junction.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { close(over); _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
				if hold {
					<-over
				}
			}()
		}
	}()
	return junction.New(junction.Options{BaseURL: "http://" + listener.Addr().String()})
}

func TestAnAnswerOfUnder200IsRefusedUnread(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status int
	}{
		"101 that switches protocols":         {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 101},
		"101 that has sent bytes":             {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n{", 101},
		"101 that does not switch":            {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101},
		"99, whose body would be read":        {"HTTP/1.1 099 Odd\r\n\r\n{", 0},
		"0, which would be taken for no call": {"HTTP/1.1 000 Odd\r\nContent-Length: 9\r\n\r\n{", 0},
	} {
		t.Run(name, func(t *testing.T) {
			client := serveRaw(t, c.answer, true)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			answered := make(chan error, 1)
			go func() {
				_, err := client.Refresh(ctx, sensitive.New(key), user, 5)
				answered <- err
			}()
			select {
			case err := <-answered:
				if f := result.AsFailure(err); f.Code != result.UpstreamInvalidResponse || f.UpstreamStatus != c.status || f.NotSent {
					t.Errorf("%+v, want %s with status %d", f, result.UpstreamInvalidResponse, c.status)
				}
			case <-time.After(7 * time.Second):
				t.Error("the call outlives its context")
			}
		})
	}
}

func TestAServerThatStallsEndsWithTheCall(t *testing.T) {
	for name, answer := range map[string]string{
		"in the status line":         "HTTP/1.1 2",
		"in the headers":             "HTTP/1.1 200 OK\r\nX-A: ",
		"after a 100":                "HTTP/1.1 100 Continue\r\n\r\n",
		"after a 103":                "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n",
		"in a body until the end":    "HTTP/1.1 200 OK\r\n\r\n{",
		"in a body of a length":      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
		"in a chunk":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
		"in a chunk's extension":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9;a",
		"in a trailer":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n0\r\nX-A: ",
		"in the body of a 404":       "HTTP/1.1 404 Not Found\r\n\r\n{",
		"in the body of a redirect":  "HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\n\r\n{",
		"in a body that is upgraded": "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serveRaw(t, answer, true)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := client.Refresh(ctx, sensitive.New(key), user, 5)
			if f := result.AsFailure(err); f.Code != result.UpstreamTimeout || time.Since(began) > 5*time.Second {
				t.Errorf("%+v after %v, want %s", f, time.Since(began), result.UpstreamTimeout)
			}
		})
	}
}
