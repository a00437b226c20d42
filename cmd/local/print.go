package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// maxShown is how much of a body is shown, in bytes.
const maxShown = 4 << 10

func heading(s *screen, text string) {
	s.printf("%s\n", s.style(bold, "── "+text+" "+strings.Repeat("─", max(3, 76-utf8.RuneCountInString(text)))))
}

// printIn shows the event, and what the handler took it for.
func printIn(s *screen, event []byte, log []refreshLine) {
	trigger := ""
	if len(log) > 0 {
		trigger = ", trigger " + log[0].trigger
	}
	heading(s, "What came in"+trigger)
	s.printf("%s\n\n", maskHeaders(pretty(event)))
}

// printSent shows the calls to Junction: the simulator saw them whole, and of a live one is known what
// the function's log says.
func printSent(s *screen, f *function) {
	if f.wire == nil {
		heading(s, "What was sent to Junction (live: only what the function logged)")
		for _, line := range f.log.all() {
			if line.attempts == 0 {
				continue
			}
			s.printf("POST /v2/user/refresh/%s?timeout=%v  attempts: %d, last status: %d, took: %s\n",
				line.userID, line.timeout, line.attempts, line.status, duration(line.took))
		}
		s.printf("\n")
		return
	}
	heading(s, "What was sent to Junction (the simulator)")
	exchanges := f.wire.all()
	if len(exchanges) == 0 {
		s.printf("Nothing.\n\n")
	}
	for _, e := range exchanges {
		s.printf("%s http://%s%s\n%s", e.Method, e.Host, e.URL(), headerLines(e.Header.Masked()))
		if e.Status == 0 {
			s.printf("%s after %s\n\n", s.style(red, "no answer"), duration(e.Took))
			continue
		}
		s.printf("answered %s in %s\n%s%s\n\n", statusText(s, e.Status), duration(e.Took), headerLines(e.Answer), shown(e))
	}
}

// printBack shows the function's answer.
func printBack(s *screen, a answer) {
	var out events.APIGatewayV2HTTPResponse
	switch {
	case a.errored:
		heading(s, "What came back: a Lambda error")
		s.printf("%s\n", pretty(a.payload))
	case json.Unmarshal(a.payload, &out) == nil && out.StatusCode != 0:
		heading(s, "What came back")
		header := http.Header{}
		for name, value := range out.Headers {
			header.Set(name, value)
		}
		s.printf("HTTP %s\n%s%s\n", statusText(s, out.StatusCode), headerLines(header), pretty([]byte(out.Body)))
	default:
		heading(s, "What came back")
		s.printf("%s\n", pretty(a.payload))
	}
}

func statusText(s *screen, status int) string {
	style := green
	if status >= http.StatusBadRequest {
		style = red
	}
	return s.style(style, fmt.Sprint(status)+" "+http.StatusText(status))
}

// duration is a time for a person, to the millisecond.
func duration(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1ms"
	}
	return d.Round(time.Millisecond).String()
}

func headerLines(header http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&b, "  %s: %s\n", name, strings.Join(header[name], ", "))
	}
	return b.String()
}

// shown is the answer's body for a person: cut, and nothing but text.
func shown(e junctiontest.Exchange) string {
	body := bytes.TrimSpace(e.Body)
	switch {
	case !utf8.Valid(body):
		return fmt.Sprintf("(%d bytes that are no text)", e.BodyBytes)
	case e.BodyBytes > maxShown:
		return fmt.Sprintf("%.100s… (%d bytes)", strings.Join(strings.Fields(string(body)), " "), e.BodyBytes)
	case len(body) == 0:
		return "(no body)"
	}
	return string(pretty(body))
}

// pretty indents JSON, and leaves alone what is none.
func pretty(raw []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return raw
	}
	return b.Bytes()
}

// credentials are the headers of an event that say who calls, in indented JSON: a text, or a list.
var credentials = regexp.MustCompile(`(?im)^(\s*"(?:authorization|proxy-authorization|x-vital-api-key|cookies?)": )("(?:[^"\\]|\\.)*"|\[[^\]]*\])`)

func maskHeaders(indented []byte) []byte {
	return credentials.ReplaceAll(indented, []byte(`$1"****"`))
}
