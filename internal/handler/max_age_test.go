package handler_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// wantMaxAge checks the max_age of the one refresh that was asked for.
func (f function) wantMaxAge(t *testing.T, want *time.Duration) {
	t.Helper()
	if len(f.refresher.asked) != 1 {
		t.Fatalf("%d refreshes, want 1", len(f.refresher.asked))
	}
	if diff := cmp.Diff(want, f.refresher.asked[0].MaxAge); diff != "" {
		t.Errorf("another max_age (-want +got):\n%s", diff)
	}
}

func TestCacheControlSaysHowOldAResultMayBe(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	age := func(d time.Duration) *time.Duration { return &d }
	for header, want := range map[string]*time.Duration{
		"max-age=900":                        age(15 * minute),
		"Max-AGE=900":                        age(15 * minute),
		`max-age="900"`:                      age(15 * minute),
		"max-age=0":                          age(0),
		"max-age=3600":                       age(hour),
		"max-age=3601":                       age(hour),
		"max-age=99999999999":                age(hour),
		"max-age=99999999999999999999999999": age(hour),
		"no-cache":                           age(0),
		"No-Cache":                           age(0),
		"no-store":                           nil,
		"":                                   nil,
		"max-age":                            nil,
		"max-age=":                           nil,
		"max-age=soon":                       nil,
		"max-age=-900":                       nil,
		"max-age=+900":                       nil,
		"max-age=1.5":                        nil,
		"max-age=0x10":                       nil,
		"max-age=1_0":                        nil,
		"max-age=900s":                       nil,
		"min-max-age=900":                    nil,
		"max-age-x=900":                      nil,
		"x-no-cache":                         nil,
		"max-stale, max-age=900":             age(15 * minute),
		"no-store,max-age=60,min-fresh=5":    age(minute),
		"max-age=soon, max-age=60":           age(minute),
		"max-age=60, max-age=900":            age(minute), // as RFC 9111, 4.2.1 says: the first
		"max-age=900, no-cache":              age(0),
		"no-cache, max-age=900":              age(0),
		" max-age=60 ":                       age(minute),
		",, ,max-age=60,":                    age(minute),
	} {
		t.Run(header, func(t *testing.T) {
			request := awstest.Request{Path: mirror, Header: http.Header{"cache-control": {header}}}
			for _, event := range []string{request.HTTPAPI(), request.RESTAPI(), request.FunctionURL()} {
				f := newFunction()
				f.http(t, event).wantStatus(t, http.StatusOK)
				f.wantMaxAge(t, want)
			}
		})
	}
}

func TestCacheControlMayHaveSeveralLines(t *testing.T) {
	request := awstest.Request{Path: mirror, Header: http.Header{"Cache-Control": {"no-transform", "max-age=60"}}}
	for api, event := range map[string]string{"HTTP API": request.HTTPAPI(), "REST API": request.RESTAPI()} {
		t.Run(api, func(t *testing.T) {
			f := newFunction()
			f.http(t, event)
			f.wantMaxAge(t, new(time.Minute))
		})
	}
}

func TestTheQuerysMaxAgeWins(t *testing.T) {
	for query, want := range map[string]time.Duration{
		"max_age=900":            15 * time.Minute,
		"max_age=0":              0,
		"max_age=1.5":            1500 * time.Millisecond,
		"max_age=60&max_age=900": 15 * time.Minute, // as Junction does: the last
	} {
		for _, header := range []string{"max-age=60", "no-cache", "junk", ""} {
			t.Run(query+" over "+header, func(t *testing.T) {
				f := newFunction()
				f.http(t, awstest.Request{Path: mirror + "?" + query, Header: http.Header{"cache-control": {header}}}.HTTPAPI())
				f.wantMaxAge(t, &want)
			})
		}
	}
}

func TestABadMaxAgeInTheQueryIsRefusedInJunctionsForm(t *testing.T) {
	for _, value := range []string{"", "soon", "-1", "3601", "NaN", "1h"} {
		t.Run(value, func(t *testing.T) {
			f := newFunction()
			request := awstest.Request{Path: mirror + "?max_age=" + value, Header: http.Header{"cache-control": {"max-age=60"}}}
			response := f.http(t, request.HTTPAPI())
			response.wantStatus(t, http.StatusUnprocessableEntity)
			want := `[{"loc":["query","max_age"],"msg":"max_age is not a number of seconds from 0 to 3600","type":"value_error"}]`
			if diff := cmp.Diff(want, string(response.result(t).Detail)); diff != "" {
				t.Errorf("another detail (-want +got):\n%s", diff)
			}
			f.wantRequests(t)
		})
	}
}

func TestADocumentsMaxAgeGoesToTheRefreshWhateverBroughtIt(t *testing.T) {
	const document = `{"user_id":"` + user + `","max_age":"900"}`
	for name, event := range map[string]string{
		"a direct call":         document,
		"an EventBridge event":  awstest.EventBridgeEvent("my.app", document),
		"a message":             awstest.SQSBatch(document),
		"an event in a message": awstest.SQSBatch(awstest.EventBridgeEvent("my.app", document)),
		"a webhook":             awstest.Request{Path: "/webhooks", Body: document}.HTTPAPI(),
		"a webhook, whose header does not count": awstest.Request{
			Path: "/webhooks", Body: document, Header: http.Header{"cache-control": {"max-age=60"}},
		}.HTTPAPI(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.answer(t, event)
			f.wantMaxAge(t, new(15*time.Minute))
		})
	}
	t.Run("many users", func(t *testing.T) {
		f := newFunction()
		f.answer(t, `{"user_ids":["`+user+`"],"max_age":0}`)
		f.wantMaxAge(t, new(time.Duration(0)))
	})
	t.Run("none", func(t *testing.T) {
		f := newFunction()
		f.answer(t, userDocument)
		f.wantMaxAge(t, nil)
	})
}

func TestMaxAgeTravelsWithTheMessage(t *testing.T) {
	for name, event := range map[string]string{
		"a header":   awstest.Request{Path: mirror, Header: http.Header{"prefer": {"respond-async"}, "cache-control": {"max-age=900"}}}.HTTPAPI(),
		"a query":    awstest.Request{Path: mirror + "?max_age=900", Header: http.Header{"prefer": {"respond-async"}}}.HTTPAPI(),
		"a webhook":  awstest.Request{Path: "/webhooks", Body: `{"user_id":"` + user + `","max_age":900}`}.HTTPAPI(),
		"many users": `{"user_ids":["` + user + `"],"max_age":900}`,
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{}
			f := newFunction(withQueue(q))
			f.answer(t, event)
			f.answer(t, awstest.SQSBatch(q.bodies()...))
			f.wantMaxAge(t, new(15*time.Minute))
		})
	}
}

func TestAStoredResultIsAnsweredWithItsAge(t *testing.T) {
	f := newFunction()
	f.refresher.age = new(42)
	response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
	if got := response.Headers["Age"]; got != "42" {
		t.Errorf("Age is %q, want 42", got)
	}
	out := response.result(t)
	if out.AgeSeconds == nil || *out.AgeSeconds != 42 {
		t.Errorf("the result is %s", response.Body)
	}

	f.refresher.age = new(0)
	if got := f.http(t, awstest.Request{Path: mirror}.HTTPAPI()).Headers["Age"]; got != "0" {
		t.Errorf("Age is %q, want 0", got)
	}

	f.refresher.age = nil
	response = f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
	if _, ok := response.Headers["Age"]; ok || strings.Contains(response.Body, "age_seconds") {
		t.Errorf("a result of this refresh has an age: %v %s", response.Headers, response.Body)
	}
}
