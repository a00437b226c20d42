package auth_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
)

// forgeries returns sets of headers that must not be admitted, each made from a genuine one.
func forgeries(t *testing.T, now time.Time) map[string]http.Header {
	t.Helper()
	cases := map[string]http.Header{"no headers": {}}
	for _, prefix := range []string{"Webhook-", "Svix-"} {
		change := func(name string, edit func(h http.Header, id, timestamp, signature string)) {
			h := sign(t, prefix, first, now, body)
			edit(h, prefix+"Id", prefix+"Timestamp", prefix+"Signature")
			cases[prefix+" "+name] = h
		}
		set := func(name, value string) func(http.Header, string, string, string) {
			return func(h http.Header, id, timestamp, signature string) {
				h[map[string]string{"id": id, "timestamp": timestamp, "signature": signature}[name]] = []string{value}
			}
		}
		change("without an ID", func(h http.Header, id, _, _ string) { h.Del(id) })
		change("without a time", func(h http.Header, _, at, _ string) { h.Del(at) })
		change("without a signature", func(h http.Header, _, _, s string) { h.Del(s) })
		change("with an empty ID", set("id", ""))
		change("with an empty time", set("timestamp", ""))
		change("with an empty signature", set("signature", ""))
		change("with another ID", set("id", "msg_2"))
		change("with a part of a body in the ID", set("id", `msg_1.1.{"x":"`))
		change("with a line break in the ID", set("id", "msg_1\n"))
		change("with a huge ID", set("id", strings.Repeat("x", 4096)))
		change("with another time", set("timestamp", strconv.FormatInt(now.Unix()+1, 10)))
		change("with a time that is not a number", set("timestamp", "now"))
		change("with a negative time", set("timestamp", "-1"))
		change("with a signed time", func(h http.Header, _, at, _ string) { h[at] = []string{"+" + h[at][0]} })
		change("with zeros before the time", func(h http.Header, _, at, _ string) { h[at] = []string{"000" + h[at][0]} })
		change("with a space before the time", func(h http.Header, _, at, _ string) { h[at] = []string{" " + h[at][0]} })
		change("with a fraction of a second", func(h http.Header, _, at, _ string) { h[at][0] += ".0" })
		change("with a time in milliseconds", func(h http.Header, _, at, _ string) { h[at][0] += "000" })
		change("with a time that overflows", set("timestamp", "99999999999999999999"))
		change("with a signature of nothing", set("signature", "v1,"))
		change("with a version alone", set("signature", "v1"))
		change("with a signature that is not base64", set("signature", "v1,%%%"))
		change("without a version", func(h http.Header, _, _, s string) { h[s][0] = strings.TrimPrefix(h[s][0], "v1,") })
		change("of another version", func(h http.Header, _, _, s string) { h[s][0] = "v2" + strings.TrimPrefix(h[s][0], "v1") })
		change("of an asymmetric version", func(h http.Header, _, _, s string) { h[s][0] = "v1a" + strings.TrimPrefix(h[s][0], "v1") })
		change("with a version in upper case", func(h http.Header, _, _, s string) { h[s][0] = "V1" + strings.TrimPrefix(h[s][0], "v1") })
		change("with a truncated signature", func(h http.Header, _, _, s string) { h[s][0] = h[s][0][:len(h[s][0])-4] })
		change("with a longer signature", func(h http.Header, _, _, s string) { h[s][0] += "AAAA" })
		change("with one character changed", func(h http.Header, _, _, s string) {
			h[s][0] = h[s][0][:10] + string(h[s][0][10]^1) + h[s][0][11:]
		})
		change("with more than ten signatures", func(h http.Header, _, _, s string) {
			h[s][0] = strings.Repeat("v1,AAAA ", 10) + h[s][0]
		})
		change("with a huge signature header", func(h http.Header, _, _, s string) { h[s][0] += " " + strings.Repeat("v", 4096) })
		change("with two IDs", func(h http.Header, id, _, _ string) { h[id] = []string{"msg_1", "msg_1"} })
		change("with two times", func(h http.Header, _, at, _ string) { h[at] = append(h[at], h[at][0]) })
		change("with two signature headers", func(h http.Header, _, _, s string) { h[s] = append([]string{"v1,AAAA"}, h[s]...) })
		cases[prefix+" of another body"] = sign(t, prefix, first, now, body+" ")
		cases[prefix+" with an unknown secret"] = sign(t, prefix, unknown, now, body)
		cases[prefix+" of over 5 minutes ago"] = sign(t, prefix, first, now.Add(-5*time.Minute-time.Second), body)
		cases[prefix+" of over 5 minutes ahead"] = sign(t, prefix, first, now.Add(5*time.Minute+time.Second), body)
		cases[prefix+" of 1970"] = sign(t, prefix, first, time.Unix(0, 0), body)
	}
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		mixed := sign(t, "Webhook-", first, now, body)
		mixed["Svix-"+part] = mixed["Webhook-"+part]
		mixed.Del("Webhook-" + part)
		cases["with its "+part+" from the other family"] = mixed
	}
	return cases
}

func TestNoForgedHeadersAreAdmitted(t *testing.T) {
	var cases int
	for name := range forgeries(t, time.Now()) {
		cases++
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the time is the same for the signature and for the guard
				g := auth.New([]string{"signature", "token", "iam"}, twoOfEach(t))
				wantRefused(t, g, webhook(forgeries(t, time.Now())[name]))
			})
		})
	}
	if cases < 40 {
		t.Errorf("%d forgeries, want at least 40", cases)
	}
}
