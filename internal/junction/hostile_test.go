package junction_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
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
	t.Parallel()
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

// echoes are answers over HTTP/1.1 that net/http's error text quotes, with the key in place of KEY.
var echoes = map[string]string{
	"no HTTP":                    "KEY\r\n\r\n",
	"a version":                  "HTTP/KEY 200 OK\r\n\r\n",
	"a status":                   "HTTP/1.1 KEY OK\r\n\r\n",
	"a header without a colon":   "HTTP/1.1 200 OK\r\nKEY\r\n\r\n",
	"a header's name":            "HTTP/1.1 200 OK\r\nKEY KEY: x\r\n\r\n",
	"a header that is continued": "HTTP/1.1 200 OK\r\n KEY\r\n\r\n",
	"a Content-Length":           "HTTP/1.1 200 OK\r\nContent-Length: KEY\r\n\r\n",
	"two Content-Lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: KEY\r\n\r\n",
	"a Transfer-Encoding":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: KEY\r\n\r\n",
	"two Transfer-Encodings":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: KEY\r\n\r\n",
	"a Trailer":                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: KEY KEY,Content-Length\r\n\r\n0\r\n\r\n",
	"a trailer":                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nKEY\r\n\r\n",
	"a chunk's length":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nKEY\r\n\r\n",
	"a chunk":                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nKEY\r\n\r\n",
	"a Location":                 "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[KEY\r\nContent-Length: 0\r\n\r\n",
	"a Location that is odd":     "HTTP/1.1 301 Moved\r\nLocation: %KEY\x7f\r\nContent-Length: 0\r\n\r\n",
	"a body that ends early":     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nKEY",
	"headers that are too long":  "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("KEY", 64<<10) + "\r\n\r\n",
}

func TestNothingThatTheServerSentReachesTheLog(t *testing.T) {
	for name, answer := range echoes {
		t.Run(name, func(t *testing.T) {
			_, f := refresh(t, serveRaw(t, strings.ReplaceAll(answer, "KEY", key), false))
			if f == nil {
				t.Fatal("no failure")
			}
			for err := error(f); err != nil; {
				if strings.Contains(err.Error(), key) {
					t.Errorf("the key is in %q", err)
				}
				inner, ok := err.(interface{ Unwrap() error })
				if !ok {
					break
				}
				err = inner.Unwrap()
			}
		})
	}
}

func TestAnAnswerThatIsNotHTTPIsNotWorthAnotherCall(t *testing.T) {
	for name, answer := range echoes {
		t.Run(name, func(t *testing.T) {
			_, f := refresh(t, serveRaw(t, answer, false))
			if f == nil || f.Code != result.UpstreamInvalidResponse || f.NotSent {
				t.Errorf("%+v, want %s", f, result.UpstreamInvalidResponse)
			}
		})
	}
}
