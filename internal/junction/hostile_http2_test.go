package junction

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The types of HTTP/2 frames (RFC 9113, section 6) that the test's server sends.
const (
	dataFrame, headersFrame, resetFrame, settingsFrame, goAwayFrame = 0, 1, 3, 4, 7
	endStream, endHeaders                                           = 1, 4
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(out[5:], stream)
	return append(out, payload...)
}

// fields encodes header fields of up to 126 bytes each: names and values in turn.
func fields(texts ...string) (out []byte) {
	for i, text := range texts {
		if i%2 == 0 {
			out = append(out, 0) // literal, not indexed
		}
		out = append(append(out, byte(len(text))), text...)
	}
	return out
}

// serveHTTP2 starts a server that answers each request with what answer writes. It returns a client for it, and the
// number of requests that have arrived.
func serveHTTP2(t *testing.T, answer func(conn net.Conn, stream uint32)) (*Client, *atomic.Int32) {
	t.Helper()
	trusted := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(trusted.Close)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: trusted.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	arrived := new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				_, _ = in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
				_, _ = conn.Write(frame(settingsFrame, 0, 0, nil))
				for {
					head := make([]byte, 9)
					if _, err := io.ReadFull(in, head); err != nil {
						return
					}
					_, _ = in.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
					if head[3] == headersFrame {
						arrived.Add(1)
						answer(conn, binary.BigEndian.Uint32(head[5:]))
					}
				}
			}()
		}
	}()
	c := New(Options{BaseURL: "https://" + listener.Addr().String()})
	c.transport.http.TLSClientConfig = trusted.Client().Transport.(*http.Transport).TLSClientConfig
	return c, arrived
}

func TestHostileAnswersOverHTTP2(t *testing.T) {
	const key = "sk_us_a_key_for_tests"
	const body = `{"success":true,"user_id":"u"}`
	reset := func(code byte) []byte { return []byte{0, 0, 0, code} }
	for name, c := range map[string]struct {
		answer func(stream uint32) []byte
		code   result.Code // "" is a success
		cause  string
		calls  int32
	}{
		"a regular answer": {func(s uint32) []byte {
			return append(frame(headersFrame, endHeaders, s, fields(":status", "200")), frame(dataFrame, endStream, s, []byte(body))...)
		}, "", "", 1},
		"a protocol error": {func(s uint32) []byte {
			return frame(resetFrame, 0, s, reset(1))
		}, result.UpstreamUnavailable, "call refused", maxSends},
		"a GOAWAY without the call": {func(uint32) []byte {
			return frame(goAwayFrame, 0, 0, append(make([]byte, 8), key...))
		}, result.UpstreamUnavailable, "call refused", maxSends},
		"a GOAWAY for an error": {func(uint32) []byte {
			return frame(goAwayFrame, 0, 0, append([]byte{0, 0, 0, 0, 0, 0, 0, 11}, key...))
		}, result.UpstreamUnavailable, "connection failed", 1},
		"an internal error": {func(s uint32) []byte {
			return frame(resetFrame, 0, s, reset(2))
		}, result.UpstreamUnavailable, "HTTP/2 stream error", 1},
		"an invalid header": {func(s uint32) []byte {
			return frame(headersFrame, endHeaders, s, fields(":status", "200", "x", key+"\n"))
		}, result.UpstreamInvalidResponse, "HTTP/2 stream error", 1},
		"an invalid frame": {func(uint32) []byte {
			return []byte(key + key)
		}, result.UpstreamUnavailable, "connection failed", 1},
		"a status that is not a number": {func(s uint32) []byte {
			return frame(headersFrame, endHeaders, s, fields(":status", key))
		}, result.UpstreamInvalidResponse, "HTTP/2 stream error", 1},
		"a status that is too high": {func(s uint32) []byte {
			return frame(headersFrame, endHeaders|endStream, s, fields(":status", "1000"))
		}, result.UpstreamInvalidResponse, "", 1},
		"a body that is shorter than said": {func(s uint32) []byte {
			return append(frame(headersFrame, endHeaders, s, fields(":status", "200", "content-length", "99")), frame(dataFrame, endStream, s, []byte(body))...)
		}, result.UpstreamInvalidResponse, "answer incomplete", 1},
		"a body that is reset": {func(s uint32) []byte {
			return append(frame(headersFrame, endHeaders, s, fields(":status", "200")), frame(resetFrame, 0, s, reset(8))...)
		}, result.UpstreamInvalidResponse, "HTTP/2 stream error", 1},
	} {
		t.Run(name, func(t *testing.T) {
			client, arrived := serveHTTP2(t, func(conn net.Conn, stream uint32) { _, _ = conn.Write(c.answer(stream)) })
			_, err := client.Refresh(t.Context(), sensitive.New(key), "u", 5)
			if got := arrived.Load(); got != c.calls {
				t.Errorf("the server got %d calls, want %d", got, c.calls)
			}
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			f := result.AsFailure(err)
			cause := ""
			if f.Cause != nil {
				cause = f.Cause.Error()
			}
			if f.Code != c.code || cause != c.cause || f.NotSent || f.UpstreamStatus > 999 || strings.Contains(f.Text()+cause, key) {
				t.Errorf("%+v, cause %q; want %s, cause %q", f, cause, c.code, c.cause)
			}
		})
	}
}
