package handler_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestARefreshInProgressIsAnsweredWith202(t *testing.T) {
	f := newFunction()
	f.refresher.status = http.StatusAccepted
	f.http(t, awstest.Request{Path: mirror}.HTTPAPI()).wantStatus(t, http.StatusAccepted)
}

func TestAFailuresStatusAndRetryAfterFollowFromItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		failure    *result.Failure
		status     int
		retryAfter string
	}{
		"rate limited":                     {&result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 90 * time.Second}, 429, "90"},
		"rate limited for an unknown time": {&result.Failure{Code: result.RateLimited, Message: "x"}, 429, "60"},
		"unavailable":                      {&result.Failure{Code: result.UpstreamUnavailable, Message: "x"}, 503, ""},
		"unavailable for a moment":         {&result.Failure{Code: result.UpstreamUnavailable, Message: "x", RetryAfter: time.Millisecond}, 503, "1"},
		"no connected sources":             {&result.Failure{Code: result.NoConnectedSources, Message: "x"}, 400, ""},
		"a 422 with its detail":            {&result.Failure{Code: result.UpstreamInvalidRequest, Message: "x", Detail: json.RawMessage(`[1]`)}, 422, ""},
		"the key is not accepted":          {&result.Failure{Code: result.UpstreamUnauthorized, Message: "x"}, 424, ""},
		"Junction took too long":           {&result.Failure{Code: result.UpstreamTimeout, Message: "x"}, 504, ""},
		"there is no such user":            {&result.Failure{Code: result.UserNotFound, Message: "x"}, 404, ""},
		"the key is for elsewhere":         {&result.Failure{Code: result.Misconfigured, Message: "x"}, 424, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.refresher.fails[user] = c.failure
			response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
			response.wantStatus(t, c.status)
			if got := response.Headers["Retry-After"]; got != c.retryAfter {
				t.Errorf("Retry-After is %q, want %q", got, c.retryAfter)
			}
			if got := response.result(t).Detail; string(got) != string(c.failure.Detail) {
				t.Errorf("the detail is %s, want %s", got, c.failure.Detail)
			}
		})
	}
}

func TestAnHTTPRequestIsAnsweredBeforeItsGatewayTimesOut(t *testing.T) {
	refreshRoute := awstest.Request{Path: mirror}
	webhook := awstest.Request{Path: "/webhooks", Body: userDocument}
	for name, c := range map[string]struct {
		event string
		limit time.Duration // HTTP_TIMEOUT_LIMIT
		want  float64       // seconds available with a headroom of 2 s
	}{
		"30 s on an HTTP API":                        {refreshRoute.HTTPAPI(), 0, 28},
		"29 s on a REST API":                         {refreshRoute.RESTAPI(), 0, 27},
		"Lambda's own on a function URL":             {refreshRoute.FunctionURL(), 0, 88},
		"a raised limit on a REST API":               {refreshRoute.RESTAPI(), time.Minute, 58},
		"a raised limit cannot raise an HTTP API's":  {refreshRoute.HTTPAPI(), time.Minute, 28},
		"a lower limit on an HTTP API":               {refreshRoute.HTTPAPI(), 20 * time.Second, 18},
		"14 s for a webhook on an HTTP API":          {webhook.HTTPAPI(), 0, 12},
		"14 s for a webhook on a REST API":           {webhook.RESTAPI(), 0, 12},
		"14 s for a webhook on a function URL":       {webhook.FunctionURL(), 0, 12},
		"a lower limit for a webhook on an HTTP API": {webhook.HTTPAPI(), 10 * time.Second, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFunction(func(o *handler.Options) { o.HTTPTimeoutLimit = c.limit })
				f.http(t, c.event)
				if got := f.refresher.asked[0].Budget.Available(time.Now(), 2*time.Second); got != c.want {
					t.Errorf("%v s are available, want %v", got, c.want)
				}
			})
		})
	}
}
