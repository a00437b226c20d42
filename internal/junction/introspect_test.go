package junction_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// introspected returns an introspection with one row for the user.
func introspected(provider string) string {
	return `{"data":[{"user_id":"` + user + `","provider":` + provider + `}],"next":null,"next_cursor":null}`
}

// attempted returns a provider with one resource that has the given last attempt.
func attempted(last string) string { return `{"fitbit":{"activity":{"last_attempt":` + last + `}}}` }

// wantAttempts fails the test unless the body of an introspection has the given last attempts.
func wantAttempts(t *testing.T, body string, want ...result.Attempt) {
	t.Helper()
	got, err := serve(t, answer(200, body)).LastAttempts(t.Context(), sensitive.New(key), user)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

func TestAnIntrospectionIsAskedForAsDocumented(t *testing.T) {
	var sent string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Vital-Api-Key") + " " + r.Header.Get("Accept")
		answer(200, `{"data":[],"next":null,"next_cursor":null}`)(w, r)
	})
	if _, err := c.LastAttempts(t.Context(), sensitive.New(key), user); err != nil {
		t.Fatal(err)
	}
	if want := "GET /v2/introspect/resources?user_id=" + user + " " + key + " application/json"; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}

func TestTheLastAttemptsOfAUserAreSortedByProviderAndResource(t *testing.T) {
	at := time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)
	wantAttempts(t, `{"data":[
		{"user_id":"`+strings.ToUpper(user)+`","provider":{
			"withings":{
				"blood_pressure":{"last_attempt":{"status":"failure","timestamp":"2026-11-23T18:13:00+00:00"},"oldest_data":null,"newest_data":null,"sent_count":0},
				"body":{"last_attempt":{"status":"success","timestamp":"2026-11-23T18:13:00+00:00","new_field":1},"sent_count":231}},
			"fitbit":{"activity":{"last_attempt":{"status":"success","timestamp":"2026-11-23T18:13:00+00:00"}}}}}],
		"next":"x","next_cursor":"x"}`,
		result.Attempt{Provider: "fitbit", Resource: "activity", Success: true, At: at},
		result.Attempt{Provider: "withings", Resource: "blood_pressure", At: at},
		result.Attempt{Provider: "withings", Resource: "body", Success: true, At: at},
	)
}

func TestOfSeveralAttemptsForASourceTheNewestCounts(t *testing.T) {
	row := func(status, timestamp string) string {
		return `{"user_id":"` + user + `","provider":` + attempted(`{"status":"`+status+`","timestamp":"`+timestamp+`"}`) + `}`
	}
	wantAttempts(t, `{"data":[`+row("success", "2026-11-23T18:12:00Z")+`,`+row("failure", "2026-11-23T18:13:00Z")+`,`+row("success", "2026-11-23T18:11:00Z")+`]}`,
		result.Attempt{Provider: "fitbit", Resource: "activity", At: time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)})
}

func TestTheTimeOfAnAttempt(t *testing.T) {
	at := time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)
	for timestamp, want := range map[string]time.Time{
		"2026-11-23T18:13:00Z":             at,
		"2026-11-23T18:13:00+00:00":        at,
		"2026-11-23T19:13:00+01:00":        at,
		"2026-11-23T18:13:00.25+00:00":     at.Add(250 * time.Millisecond),
		"2026-11-23T18:13:00":              at,
		"2026-11-23T18:13:00.123456":       at.Add(123456 * time.Microsecond),
		"2026-11-23T18:13:00.123456+00:00": at.Add(123456 * time.Microsecond),
	} {
		t.Run(timestamp, func(t *testing.T) {
			wantAttempts(t, introspected(attempted(`{"status":"success","timestamp":"`+timestamp+`"}`)),
				result.Attempt{Provider: "fitbit", Resource: "activity", Success: true, At: want})
		})
	}
}

func TestAnAttemptThatCannotBeReadIsLeftOutAloneOfTheAttempts(t *testing.T) {
	for name, last := range map[string]string{
		"none":                        `null`,
		"an empty one":                `{}`,
		"a list":                      `[]`,
		"a string":                    `"success"`,
		"an unknown status":           `{"status":"pending","timestamp":"2026-11-23T18:13:00Z"}`,
		"a status in capitals":        `{"status":"SUCCESS","timestamp":"2026-11-23T18:13:00Z"}`,
		"a status that is a boolean":  `{"status":true,"timestamp":"2026-11-23T18:13:00Z"}`,
		"no status":                   `{"timestamp":"2026-11-23T18:13:00Z"}`,
		"no time":                     `{"status":"success"}`,
		"a time that is null":         `{"status":"success","timestamp":null}`,
		"a time that is a number":     `{"status":"success","timestamp":1795457580}`,
		"a time that is a word":       `{"status":"success","timestamp":"now"}`,
		"a date":                      `{"status":"success","timestamp":"2026-11-23"}`,
		"a time that does not exist":  `{"status":"success","timestamp":"2026-02-30T18:13:00Z"}`,
		"a time with text after it":   `{"status":"success","timestamp":"2026-11-23T18:13:00Z x"}`,
		"a year of more than 4 digit": `{"status":"success","timestamp":"12026-11-23T18:13:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			wantAttempts(t, introspected(`{"fitbit":{"activity":{"last_attempt":`+last+`},"sleep":{"last_attempt":{"status":"success","timestamp":"2026-11-23T18:13:00Z"}}}}`),
				result.Attempt{Provider: "fitbit", Resource: "sleep", Success: true, At: time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)})
		})
	}
}

func TestRowsOfAnotherUserAndOfAnotherShapeAreLeftOut(t *testing.T) {
	good := attempted(`{"status":"success","timestamp":"2026-11-23T18:13:00Z"}`)
	for name, row := range map[string]string{
		"another user":                          `{"user_id":"` + otherUser + `","provider":` + good + `}`,
		"no user":                               `{"provider":` + good + `}`,
		"a user that is a number":               `{"user_id":1,"provider":` + good + `}`,
		"no providers":                          `{"user_id":"` + user + `"}`,
		"providers that are null":               `{"user_id":"` + user + `","provider":null}`,
		"providers that are a string":           `{"user_id":"` + user + `","provider":"fitbit"}`,
		"a provider whose resources are a list": `{"user_id":"` + user + `","provider":{"fitbit":["activity"]}}`,
		"a resource that is a number":           `{"user_id":"` + user + `","provider":{"fitbit":{"activity":1}}}`,
		"a row that is null":                    `null`,
		"a row that is a string":                `"fitbit"`,
	} {
		t.Run(name, func(t *testing.T) {
			wantAttempts(t, `{"data":[`+row+`]}`)
			wantAttempts(t, `{"data":[`+row+`,{"user_id":"`+user+`","provider":`+good+`}]}`,
				result.Attempt{Provider: "fitbit", Resource: "activity", Success: true, At: time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)})
		})
	}
}

func TestTheKeyIsRemovedFromTheNamesOfAttempts(t *testing.T) {
	wantAttempts(t, introspected(`{"`+key+`":{"x_`+key+`":{"last_attempt":{"status":"failure","timestamp":"2026-11-23T18:13:00Z"}}}}`),
		result.Attempt{Provider: "[redacted]", Resource: "x_[redacted]", At: time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)})
}

// readOnlyFailures are the answers that fail each call that only reads.
var readOnlyFailures = map[string]struct {
	status int
	body   string
	code   result.Code
}{
	"a 200 that is HTML":       {200, `<html>`, result.UpstreamInvalidResponse},
	"a 200 that is empty":      {200, ``, result.UpstreamInvalidResponse},
	"a 200 that is null":       {200, `null`, result.UpstreamInvalidResponse},
	"a 200 that is a list":     {200, `[]`, result.UpstreamInvalidResponse},
	"a 200 without rows":       {200, `{}`, result.UpstreamInvalidResponse},
	"a 200 with null for rows": {200, `{"data":null,"providers":null}`, result.UpstreamInvalidResponse},
	"a 200 with text for rows": {200, `{"data":"x","providers":"x"}`, result.UpstreamInvalidResponse},
	"a 200 that is cut off":    {200, `{"data":[],"providers":[]`, result.UpstreamInvalidResponse},
	"a 200 of more than 1 MiB": {200, `{"data":[],"providers":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`, result.UpstreamInvalidResponse},
	"a 202":                    {202, `{"data":[],"providers":[]}`, result.UpstreamInvalidResponse},
	"a 307":                    {307, ``, result.UpstreamInvalidResponse},
	"a 400":                    {400, ``, result.UpstreamRejected},
	"a 401":                    {401, ``, result.UpstreamUnauthorized},
	"a 403":                    {403, ``, result.UpstreamUnauthorized},
	"a 404":                    {404, `{"detail":"User not found"}`, result.UserNotFound},
	"a 422":                    {422, `{"detail":[]}`, result.UpstreamInvalidRequest},
	"a 429":                    {429, ``, result.RateLimited},
	"a 503":                    {503, `<html>`, result.UpstreamUnavailable},
}

func TestAnIntrospectionThatFailsHasItsCode(t *testing.T) {
	for name, c := range readOnlyFailures {
		t.Run(name, func(t *testing.T) {
			attempts, err := serve(t, answer(c.status, c.body)).LastAttempts(t.Context(), sensitive.New(key), user)
			if f := result.AsFailure(err); f.Code != c.code || f.UpstreamStatus != c.status || attempts != nil {
				t.Errorf("%+v and %v, want %s with status %d", f, attempts, c.code, c.status)
			}
		})
	}
	t.Run("a key for an unknown environment", func(t *testing.T) {
		_, err := newClientWithoutURL().LastAttempts(t.Context(), sensitive.New("x"), user)
		if f := result.AsFailure(err); f.Code != result.Misconfigured {
			t.Errorf("%+v", f)
		}
	})
}
