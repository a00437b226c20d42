package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestServeRefusesWhatAWebPageSends(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000")
	defer stop()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	body := `{"user_id":"` + junctiontest.CompletedUserID + `"}`
	for _, test := range []struct {
		name, host string
		header     []string
		status     int
	}{
		{"no browser", "127.0.0.1:" + port, nil, 202},
		{"a loopback name", "LocalHost:" + port, nil, 202},
		{"a loopback name of a developer's", "junction.localhost.:" + port, nil, 202},
		{"another loopback address", "127.0.0.2", nil, 202},
		{"the loopback address of IPv6", "[::1]:" + port, nil, 202},
		{"a page of its own", "localhost:" + port, []string{"Origin", "http://localhost:" + port, "Sec-Fetch-Site", "same-origin"}, 202},
		{"a name that was rebound", "evil.example:" + port, nil, 403},
		{"a name that looks like loopback", "localhost.evil.example", nil, 403},
		{"an address of another host", "192.0.2.1:" + port, nil, 403},
		{"a page elsewhere", "127.0.0.1:" + port, []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, 403},
		{"a page on another port", "127.0.0.1:" + port, []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"a page of another scheme", "127.0.0.1:" + port, []string{"Origin", "https://127.0.0.1:" + port}, 403},
		{"a sandboxed page", "127.0.0.1:" + port, []string{"Origin", "null"}, 403},
		{"two origins", "127.0.0.1:" + port, []string{"Origin", "http://127.0.0.1:" + port, "Origin", "https://evil.example"}, 403},
		{"a page elsewhere, without its origin", "127.0.0.1:" + port, []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = test.host
			for i := 0; i < len(test.header); i += 2 {
				req.Header.Add(test.header[i], test.header[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != test.status || test.status == 403 && string(text) != `{"message":"Forbidden"}` {
				t.Errorf("%s: %s, want status %d", resp.Status, text, test.status)
			}
		})
	}
}

func TestNothingForeignDisturbsATerminal(t *testing.T) {
	url, stop := server(t, nil, "--speed", "100000", "--verbose")
	for _, path := range []string{"/x?q=\u009b31m\u0090", "/x\u009b?\u202e", "/v2/user/refresh/\u009b"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nX-Amzn-Trace-Id: \u009b\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	_, stdout, stderr := stop()
	mustContain(t, stderr, `/x?q=\u009b31m\u0090 404`)
	mustNotContain(t, stdout+stderr, "\u009b", "\u0090", "\u202e")
}

func TestAScreenShowsOnlyPrintableCharacters(t *testing.T) {
	for _, test := range []struct{ name, text, plain, colored string }{
		{"text", "a é\tü\n", "a é\tü\n", "a é\tü\n"},
		{"its own styles", red + "x" + reset, `\u001b[31mx\u001b[0m`, red + "x" + reset},
		{"another sequence", "\x1b[2J\x1b]0;x\a", `\u001b[2J\u001b]0;x\u0007`, `\u001b[2J\u001b]0;x\u0007`},
		{"an 8-bit sequence", "\u009b2J", `\u009b2J`, `\u009b2J`},
		{"what is not UTF-8", "\x9b2J", "\ufffd2J", "\ufffd2J"},
		{"another direction", "\u202ex", `\u202ex`, `\u202ex`},
		{"a character beyond 16 bits", "\U000e0041", `\udb40\udc41`, `\udb40\udc41`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for color, want := range map[bool]string{false: test.plain, true: test.colored} {
				var out bytes.Buffer
				s := &screen{w: &out, color: color}
				s.printf("%s", test.text)
				if got := out.String(); got != want {
					t.Errorf("with color %t: %q, want %q", color, got, want)
				}
			}
		})
	}
}
