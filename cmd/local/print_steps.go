package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// maxPrinted is the largest body that is printed whole, in bytes.
const maxPrinted = 4 << 10

func printHeading(s *screen, text string) {
	s.printf("%s\n", s.style(bold, "── "+text+" "+strings.Repeat("─", max(3, 76-utf8.RuneCountInString(text)))))
}

// printEvent prints the event, and the trigger that the function took it for, if it is known.
func printEvent(s *screen, event []byte, trigger document.Trigger) {
	heading := "What came in"
	if trigger != "" {
		heading += ", trigger " + string(trigger)
	}
	printHeading(s, heading)
	s.printf("%s\n\n", maskCredentials(indented(event)))
}

// printCalls prints the calls to Junction: from the exchanges with the simulator, or in a live run, which
// has none, from the results.
func printCalls(s *screen, x *exchanges, results []result.Result) {
	if x == nil {
		printLiveCalls(s, results)
		return
	}
	printHeading(s, "What was sent to Junction (the simulator)")
	all := x.wait()
	if len(all) == 0 {
		s.printf("Nothing.\n\n")
	}
	for _, e := range all {
		s.printf("%s http://%s%s\n%s", e.Method, e.Host, e.URL(), headerLines(e.Header.Masked()))
		if e.Status == 0 {
			s.printf("%s after %s\n\n", s.style(red, "no answer"), duration(e.Took))
			continue
		}
		s.printf("answered %s in %s\n%s%s\n\n", statusText(s, e.Status), duration(e.Took), headerLines(e.Answer), bodyText(e))
	}
}

func printLiveCalls(s *screen, results []result.Result) {
	printHeading(s, "What was sent to Junction (live: only what the results tell)")
	for _, r := range results {
		if r.Attempts > 0 {
			s.printf("POST /v2/user/refresh/%s?timeout=%v  attempts: %d, last status: %d, took: %s\n",
				r.UserID, r.TimeoutSeconds, r.Attempts, r.UpstreamStatus, duration(time.Duration(r.DurationMS)*time.Millisecond))
		}
	}
	s.printf("\n")
}

// printAnswer prints the function's answer: as an HTTP response if it is one, otherwise as JSON.
func printAnswer(s *screen, answer []byte) {
	printHeading(s, "What came back")
	var response events.APIGatewayV2HTTPResponse
	if json.Unmarshal(answer, &response) != nil || response.StatusCode == 0 {
		s.printf("%s\n", indented(answer))
		return
	}
	header := http.Header{}
	for name, value := range response.Headers {
		header.Set(name, value)
	}
	s.printf("HTTP %s\n%s%s\n", statusText(s, response.StatusCode), headerLines(header), indented([]byte(response.Body)))
}

// printError prints the Lambda error that the function ended with.
func printError(s *screen, failed *awstest.FunctionError) {
	printHeading(s, "What came back: a Lambda error")
	s.printf("%s\n", indented(encode(failed)))
}

func statusText(s *screen, status int) string {
	style := green
	if status >= http.StatusBadRequest {
		style = red
	}
	return s.style(style, fmt.Sprint(status)+" "+http.StatusText(status))
}

func headerLines(header http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&b, "  %s: %s\n", name, strings.Join(header[name], ", "))
	}
	return b.String()
}

// bodyText returns Junction's body for a person: cut if it is long, and only if it is text.
func bodyText(e junctiontest.Exchange) string {
	body := bytes.TrimSpace(e.Body)
	switch {
	case !utf8.Valid(body):
		return fmt.Sprintf("(%d bytes that are not text)", e.BodyBytes)
	case e.BodyBytes > maxPrinted:
		return fmt.Sprintf("%.100s… (%d bytes)", strings.Join(strings.Fields(string(body)), " "), e.BodyBytes)
	case len(body) == 0:
		return "(no body)"
	}
	return string(indented(body))
}
