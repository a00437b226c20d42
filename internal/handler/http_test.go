package handler_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// httpAnswer is a decoded HTTP answer.
type httpAnswer struct {
	StatusCode      int
	Headers         map[string]string
	Body            string
	IsBase64Encoded bool
	result          result.Result
}

func readHTTP(t *testing.T, answer []byte, err error) httpAnswer {
	t.Helper()
	var out httpAnswer
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	out.result = one(t, []byte(out.Body))
	if out.Headers["Content-Type"] != "application/json" || out.Headers["Cache-Control"] != "no-store" || out.IsBase64Encoded {
		t.Errorf("headers %v", out.Headers)
	}
	return out
}

// v2 is an HTTP API's event; domain tells it from a function URL's.
func v2(method, path, query, body, domain string) string {
	text, _ := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "body": body,
		"headers":        map[string]string{"content-type": "application/json"},
		"requestContext": map[string]any{"domainName": domain, "stage": "$default", "http": map[string]string{"method": method, "path": path}},
	})
	return string(text)
}

// v1 is a REST API's event.
func v1(method, path string, query map[string][]string, body string) string {
	text, _ := json.Marshal(map[string]any{
		"resource": "/{proxy+}", "path": path, "httpMethod": method, "multiValueQueryStringParameters": query, "body": body,
		"requestContext": map[string]any{"httpMethod": method, "path": "/prod" + path, "stage": "prod"},
	})
	return string(text)
}

const (
	gateway = "abc123.execute-api.eu-west-1.amazonaws.com"
	url     = "abc123.lambda-url.eu-west-1.on.aws"
	mirror  = "/v2/user/refresh/" + user
)

func TestTheMirrorRouteRefreshesTheUserInItsPath(t *testing.T) {
	for name, c := range map[string]struct {
		event   string
		timeout float64
		trigger string
	}{
		"on an HTTP API":                   {v2("POST", mirror, "timeout=30", "", gateway), 30, "http-api"},
		"without a timeout":                {v2("POST", mirror, "", "", gateway), 10, "http-api"},
		"the last of several, as Junction": {v2("POST", mirror, "timeout=20&timeout=30", "", gateway), 30, "http-api"},
		"behind a stage":                   {v2("POST", "/prod"+mirror, "timeout=7.5", "", gateway), 7.5, "http-api"},
		"behind a base path and a stage":   {v2("POST", "/prod/health/api"+mirror+"/", "timeout=30", "", gateway), 30, "http-api"},
		"with an ID in upper case":         {v2("POST", "/v2/user/refresh/"+strings.ToUpper(user), "timeout=30", "", gateway), 30, "http-api"},
		"with an escaped ID":               {v2("POST", "/v2/user/refresh/"+strings.Replace(user, "-", "%2d", 1), "timeout=30", "", gateway), 30, "http-api"},
		"with a body, which is ignored":    {v2("POST", mirror, "timeout=30", `{"user_id":"x"}`, gateway), 30, "http-api"},
		"on a function URL":                {v2("POST", mirror, "timeout=30", "", url), 30, "function-url"},
		"on a REST API":                    {v1("POST", mirror, map[string][]string{"timeout": {"30"}}, ""), 30, "rest-api"},
		"on a REST API with a base path":   {v1("POST", "/health"+mirror+"/", nil, ""), 10, "rest-api"},
		"without a raw path":               {`{"version":"2.0","queryStringParameters":{"timeout":"30"},"requestContext":{"http":{"method":"POST","path":"` + mirror + `"}}}`, 30, "http-api"},
		"without a path":                   {`{"queryStringParameters":{"timeout":"30"},"requestContext":{"httpMethod":"POST","path":"/prod` + mirror + `"}}`, 30, "rest-api"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			answer, err := f.invoke(t, c.event)
			got := readHTTP(t, answer, err)
			if got.StatusCode != 200 || len(f.refresher.asked) != 1 || f.refresher.asked[0].UserID != user || f.refresher.asked[0].Timeout != c.timeout {
				t.Errorf("%s after %+v", answer, f.refresher.asked)
			}
			if !strings.Contains(f.log.String(), `"trigger":"`+c.trigger+`"`) {
				t.Error(f.log)
			}
		})
	}
}

func TestTheMirrorRouteRefusesBadValuesInJunctionsShape(t *testing.T) {
	for path, query := range map[string]string{
		"/v2/user/refresh/not-a-uuid":       "",
		"/v2/user/refresh/%zz":              "",
		"/v2/user/refresh/webhooks":         "",
		"/v2/user/refresh/..%2f" + user[5:]: "",
		mirror:                              "timeout=soon",
		mirror + "/":                        "timeout=",
		"/a" + mirror:                       "timeout=NaN",
	} {
		f := newFunction()
		answer, err := f.invoke(t, v2("POST", path, query, "", gateway))
		got := readHTTP(t, answer, err)
		var detail []struct {
			Loc []string
			Msg string
		}
		if json.Unmarshal(got.result.Detail, &detail) != nil || len(detail) != 1 || len(detail[0].Loc) != 2 || detail[0].Msg == "" {
			t.Errorf("%s?%s: detail is %s", path, query, got.result.Detail)
		}
		if got.StatusCode != 422 || got.result.ErrorCode != result.InvalidRequest || len(f.refresher.asked) != 0 {
			t.Errorf("%s?%s: %s", path, query, answer)
		}
	}
}

func TestOtherRoutesAre404AndOtherMethods405(t *testing.T) {
	for _, path := range []string{"/", "", "/v2/user/refresh", "/v2/user/refresh/", mirror + "/x", "/v2/user/" + user, "/webhook", "/webhooks/x", "/V2/USER/REFRESH/" + user} {
		for _, event := range []string{v2("POST", path, "", "", gateway), v1("GET", path, nil, "")} {
			answer, err := newFunction().invoke(t, event)
			if got := readHTTP(t, answer, err); got.StatusCode != 404 || got.result.ErrorCode != result.NotFound {
				t.Errorf("%s: %s", path, answer)
			}
		}
	}
	for _, path := range []string{mirror, "/webhooks", "/prod/webhooks/"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
			answer, err := newFunction().invoke(t, v2(method, path, "", "", gateway))
			if got := readHTTP(t, answer, err); got.StatusCode != 405 || got.Headers["Allow"] != "POST" || got.result.ErrorCode != result.MethodNotAllowed {
				t.Errorf("%s %s: %s", method, path, answer)
			}
		}
	}
}

func TestAWebhooksBodyIsTheDocument(t *testing.T) {
	document := `{"user_id":"` + user + `","timeout":20}`
	for name, event := range map[string]string{
		"as text":           v2("POST", "/webhooks", "", document, gateway),
		"behind a stage":    v2("POST", "/prod/webhooks/", "", document, url),
		"of a REST API":     v1("POST", "/webhooks", nil, document),
		"as base64":         strings.Replace(v2("POST", "/webhooks", "", base64.StdEncoding.EncodeToString([]byte(document)), gateway), `{`, `{"isBase64Encoded":true,`, 1),
		"with other things": v2("POST", "/webhooks", "timeout=60", `{"user_id":"`+user+`","timeout":"20","type":"login"}`, gateway),
	} {
		f := newFunction()
		answer, err := f.invoke(t, event)
		if got := readHTTP(t, answer, err); got.StatusCode != 200 || f.refresher.asked[0].UserID != user || f.refresher.asked[0].Timeout != 20 {
			t.Errorf("%s: %s", name, answer)
		}
	}
	answer, err := newFunction().invoke(t, `{"version":"2.0","rawPath":"/webhooks","body":"%","isBase64Encoded":true,"requestContext":{"http":{"method":"POST"}}}`)
	if got := readHTTP(t, answer, err); got.StatusCode != 400 || got.result.ErrorCode != result.InvalidRequest {
		t.Errorf("base64 that is none: %s", answer)
	}
}

func TestAWebhookWithManyUsersIsAnsweredWithAllResults(t *testing.T) {
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	answer, err := f.invoke(t, v2("POST", "/webhooks", "", `{"user_ids":["`+user+`","`+other+`"]}`, gateway))
	var got httpAnswer
	if err != nil || json.Unmarshal(answer, &got) != nil || got.StatusCode != 200 || !strings.Contains(got.Body, `"summary":{"users":2,"completed":1,`) {
		t.Errorf("%s %v", answer, err)
	}
}

func TestAJunctionWebhookIsKnownByItsSvixHeadersToo(t *testing.T) {
	body := `{"event_type":"daily.data.sleep.created","user_id":"` + user + `"}`
	f := newFunction()
	event := strings.Replace(v2("POST", "/webhooks", "", body, gateway), `"headers":{`, `"headers":{"svix-id":"msg_1",`, 1)
	answer, err := f.invoke(t, event)
	if got := readHTTP(t, answer, err); got.StatusCode != 200 || got.result.Status != result.Ignored || len(f.refresher.asked) != 0 {
		t.Errorf("%s", answer)
	}
	// Without them and without a team it is an app's own webhook.
	answer, err = f.invoke(t, v2("POST", "/webhooks", "", body, gateway))
	if got := readHTTP(t, answer, err); got.result.Status != result.Completed {
		t.Errorf("%s", answer)
	}
}

func TestTheTimeOfAnHTTPRequestEndsBeforeItsGatewayGivesUp(t *testing.T) {
	limit := func(d time.Duration) func(*handler.Options) {
		return func(o *handler.Options) { o.HTTPTimeoutLimit = d }
	}
	hook := `{"user_id":"` + user + `"}`
	for name, c := range map[string]struct {
		event string
		limit time.Duration
		want  float64 // seconds available with a headroom of 2 s
	}{
		"30 s on an HTTP API":                        {v2("POST", mirror, "", "", gateway), 0, 28},
		"29 s on a REST API":                         {v1("POST", mirror, nil, ""), 0, 27},
		"Lambda's own on a function URL":             {v2("POST", mirror, "", "", url), 0, 88},
		"a raised limit on a REST API":               {v1("POST", mirror, nil, ""), time.Minute, 58},
		"a raised limit cannot raise an HTTP API's":  {v2("POST", mirror, "", "", gateway), time.Minute, 28},
		"a lower limit on an HTTP API":               {v2("POST", mirror, "", "", gateway), 20 * time.Second, 18},
		"14 s for a webhook on an HTTP API":          {v2("POST", "/webhooks", "", hook, gateway), 0, 12},
		"14 s for a webhook on a REST API":           {v1("POST", "/webhooks", nil, hook), 0, 12},
		"14 s for a webhook on a function URL":       {v2("POST", "/webhooks", "", hook, url), 0, 12},
		"a lower limit for a webhook on an HTTP API": {v2("POST", "/webhooks", "", hook, gateway), 10 * time.Second, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFunction(limit(c.limit))
				answer, err := f.invoke(t, c.event)
				readHTTP(t, answer, err)
				if got := f.refresher.asked[0].Budget.Available(time.Now(), 2*time.Second); got != c.want {
					t.Errorf("%v s are available, want %v", got, c.want)
				}
			})
		})
	}
}

func TestAnHTTPAnswersStatusAndHeadersFollowFromTheResult(t *testing.T) {
	event := v2("POST", mirror, "", "", gateway)
	f := newFunction()
	f.refresher.took = 202
	answer, err := f.invoke(t, event)
	if got := readHTTP(t, answer, err); got.StatusCode != 202 {
		t.Errorf("in progress: %s", answer)
	}
	for name, c := range map[string]struct {
		failure    *result.Failure
		status     int
		retryAfter string
	}{
		"rate limited":             {&result.Failure{Code: result.RateLimited, Message: "x", RetryAfter: 90 * time.Second}, 429, "90"},
		"rate limited, 60 unsaid":  {&result.Failure{Code: result.RateLimited, Message: "x"}, 429, "60"},
		"unavailable":              {&result.Failure{Code: result.UpstreamUnavailable, Message: "x"}, 503, ""},
		"unavailable for a while":  {&result.Failure{Code: result.UpstreamUnavailable, Message: "x", RetryAfter: time.Millisecond}, 503, "1"},
		"no sources":               {&result.Failure{Code: result.NoConnectedSources, Message: "x"}, 400, ""},
		"a 422 with its detail":    {&result.Failure{Code: result.UpstreamInvalidRequest, Message: "x", Detail: json.RawMessage(`[1]`)}, 422, ""},
		"the key is not accepted":  {&result.Failure{Code: result.UpstreamUnauthorized, Message: "x"}, 502, ""},
		"Junction took too long":   {&result.Failure{Code: result.UpstreamTimeout, Message: "x"}, 504, ""},
		"there is no such user":    {&result.Failure{Code: result.UserNotFound, Message: "x"}, 404, ""},
		"the key is for elsewhere": {&result.Failure{Code: result.Misconfigured, Message: "x"}, 500, ""},
	} {
		f := newFunction()
		f.refresher.fails[user] = c.failure
		answer, err := f.invoke(t, event)
		got := readHTTP(t, answer, err)
		if got.StatusCode != c.status || got.Headers["Retry-After"] != c.retryAfter || string(got.result.Detail) != string(c.failure.Detail) {
			t.Errorf("%s: %s", name, answer)
		}
	}
}

func TestARefusedCallerIsAnswered401BeforeAnythingElseIsLookedAt(t *testing.T) {
	refuse := func(o *handler.Options) {
		o.Admit = func(_ context.Context, r *handler.Request) (string, error) {
			if r.Header.Get("Authorization") == "Bearer good" {
				return "", nil
			}
			return "", result.Fail(result.Unauthenticated, "no")
		}
	}
	var bodies []string
	for _, event := range []string{
		v2("POST", mirror, "", "", gateway), v2("GET", "/nowhere", "timeout=x", "", gateway), v2("POST", "/webhooks", "", "{", gateway), v1("POST", mirror, nil, ""),
	} {
		f := newFunction(refuse)
		answer, err := f.invoke(t, event)
		got := readHTTP(t, answer, err)
		if got.StatusCode != 401 || got.Headers["WWW-Authenticate"] != "Bearer" || got.result.ErrorCode != result.Unauthenticated || len(f.refresher.asked) != 0 {
			t.Errorf("%s", answer)
		}
		got.result.CompletedAt, got.result.DurationMS = time.Time{}, 0
		text, _ := json.Marshal(got.result)
		bodies = append(bodies, string(text))
	}
	for _, body := range bodies {
		if body != bodies[0] {
			t.Errorf("refusals differ: %s and %s", body, bodies[0])
		}
	}
	good := strings.Replace(v1("POST", mirror, nil, ""), `{`, `{"multiValueHeaders":{"authorization":["Bearer good"]},`, 1)
	answer, err := newFunction(refuse).invoke(t, good)
	if got := readHTTP(t, answer, err); got.StatusCode != 200 {
		t.Errorf("%s", answer)
	}
}

func TestWhatTheCallersCheckMeetsIsAnsweredAsItIs(t *testing.T) {
	f := newFunction(func(o *handler.Options) {
		o.Admit = func(context.Context, *handler.Request) (string, error) {
			return "", errors.New("something nobody may see")
		}
	})
	answer, err := f.invoke(t, v2("POST", mirror, "", "", gateway))
	if got := readHTTP(t, answer, err); got.StatusCode != 500 || strings.Contains(got.Body, "nobody") {
		t.Errorf("%s", answer)
	}
}

func TestAnHTTPEventThatCannotBeDecodedIsA400(t *testing.T) {
	for _, event := range []string{`{"version":"2.0","rawPath":7,"requestContext":{"http":{"method":"POST"}}}`, `{"path":7,"requestContext":{"httpMethod":"POST"}}`} {
		answer, err := newFunction().invoke(t, event)
		if got := readHTTP(t, answer, err); got.StatusCode != 400 || got.result.ErrorCode != result.InvalidRequest {
			t.Errorf("%s", answer)
		}
	}
}

func TestARequestsHeadersAreFoundInAnyCaseAndWithAllTheirValues(t *testing.T) {
	var seen http.Header
	f := newFunction(func(o *handler.Options) {
		o.Admit = func(_ context.Context, r *handler.Request) (string, error) { seen = r.Header; return "", nil }
	})
	_, _ = f.invoke(t, `{"path":"/","headers":{"X-One":"a"},"multiValueHeaders":{"x-MANY":["a","b"]},"requestContext":{"httpMethod":"POST"}}`)
	if seen.Get("x-one") != "a" || len(seen.Values("X-Many")) != 2 {
		t.Errorf("%v", seen)
	}
}

// Whoever refreshes gets a request without a timeout problem of its own.
var _ handler.Refresher = (*refresh.Refresher)(nil)
