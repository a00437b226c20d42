package handler_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestTheRefreshRouteRefreshesTheUserInItsPath(t *testing.T) {
	request := func(path string) awstest.Request { return awstest.Request{Path: path} }
	for name, c := range map[string]struct {
		event   string
		timeout float64
		trigger string
	}{
		"on an HTTP API":                        {request(mirror + "?timeout=30").HTTPAPI(), 30, "http-api"},
		"without a timeout":                     {request(mirror).HTTPAPI(), 10, "http-api"},
		"the last timeout of several":           {request(mirror + "?timeout=20&timeout=30").HTTPAPI(), 30, "http-api"},
		"behind a stage":                        {request("/prod" + mirror + "?timeout=7.5").HTTPAPI(), 7.5, "http-api"},
		"behind a stage and a base path":        {request("/prod/health/api" + mirror + "/?timeout=30").HTTPAPI(), 30, "http-api"},
		"with an ID in upper case":              {request("/v2/user/refresh/" + strings.ToUpper(user) + "?timeout=30").HTTPAPI(), 30, "http-api"},
		"with an escaped ID":                    {request("/v2/user/refresh/" + strings.Replace(user, "-", "%2d", 1) + "?timeout=30").HTTPAPI(), 30, "http-api"},
		"with a body, which is ignored":         {awstest.Request{Path: mirror + "?timeout=30", Body: `{"user_id":"x"}`}.HTTPAPI(), 30, "http-api"},
		"on a function URL":                     {request(mirror + "?timeout=30").FunctionURL(), 30, "function-url"},
		"on a REST API":                         {request(mirror + "?timeout=30").RESTAPI(), 30, "rest-api"},
		"on a REST API with a base path":        {request("/health" + mirror + "/").RESTAPI(), 10, "rest-api"},
		"without a raw path and raw query":      {`{"version":"2.0","queryStringParameters":{"timeout":"30"},"requestContext":{"http":{"method":"POST","path":"` + mirror + `"}}}`, 30, "http-api"},
		"without a path and several parameters": {`{"queryStringParameters":{"timeout":"30"},"requestContext":{"httpMethod":"POST","path":"/prod` + mirror + `"}}`, 30, "rest-api"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.http(t, c.event).wantStatus(t, http.StatusOK)
			f.wantRequests(t, refresh.Request{UserID: user, Timeout: c.timeout, RequestID: "request-1"})
			f.wantLog(t, `"trigger":"`+c.trigger+`"`)
		})
	}
}

func TestTheRefreshRouteRefusesBadValuesInJunctionsForm(t *testing.T) {
	for path, place := range map[string]string{
		"/v2/user/refresh/not-a-uuid":       "path user_id",
		"/v2/user/refresh/%zz":              "path user_id",
		"/v2/user/refresh/webhooks":         "path user_id",
		"/v2/user/refresh/..%2f" + user[5:]: "path user_id",
		mirror + "?timeout=soon":            "query timeout",
		mirror + "/?timeout=":               "query timeout",
		"/a" + mirror + "?timeout=NaN":      "query timeout",
	} {
		t.Run(path, func(t *testing.T) {
			f := newFunction()
			response := f.http(t, awstest.Request{Path: path}.HTTPAPI())
			response.wantStatus(t, http.StatusUnprocessableEntity)
			f.wantRequests(t)
			out := response.result(t)
			if out.ErrorCode != result.InvalidRequest {
				t.Errorf("the code is %s, want %s", out.ErrorCode, result.InvalidRequest)
			}
			var detail []struct {
				Loc []string
				Msg string
			}
			if err := json.Unmarshal(out.Detail, &detail); err != nil || len(detail) != 1 {
				t.Fatalf("the detail is not a list of one: %s", out.Detail)
			}
			if got := strings.Join(detail[0].Loc, " "); got != place {
				t.Errorf("the detail is about %q, want %q", got, place)
			}
			if detail[0].Msg == "" {
				t.Error("the detail has no message")
			}
		})
	}
}

func TestOtherRoutesAreNotFound(t *testing.T) {
	for _, path := range []string{"/", "", "/v2/user/refresh", "/v2/user/refresh/", mirror + "/x", "/v2/user/" + user, "/webhook", "/webhooks/x", "/V2/USER/REFRESH/" + user} {
		for api, event := range map[string]string{
			"HTTP API": awstest.Request{Path: path}.HTTPAPI(),
			"REST API": awstest.Request{Method: http.MethodGet, Path: path}.RESTAPI(),
		} {
			t.Run(api+" "+path, func(t *testing.T) {
				response := newFunction().http(t, event)
				response.wantStatus(t, http.StatusNotFound)
				if code := response.result(t).ErrorCode; code != result.NotFound {
					t.Errorf("the code is %s, want %s", code, result.NotFound)
				}
			})
		}
	}
}

func TestAMethodThatARouteDoesNotHaveIsNotAllowed(t *testing.T) {
	for path, want := range map[string]string{mirror: "GET, POST", "/webhooks": "POST", "/prod/webhooks/": "POST"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
			if method == "GET" && path == mirror {
				continue
			}
			t.Run(method+" "+path, func(t *testing.T) {
				response := newFunction().http(t, awstest.Request{Method: method, Path: path}.HTTPAPI())
				response.wantStatus(t, http.StatusMethodNotAllowed)
				if allow := response.Headers["Allow"]; allow != want {
					t.Errorf("Allow is %q, want %s", allow, want)
				}
				if code := response.result(t).ErrorCode; code != result.MethodNotAllowed {
					t.Errorf("the code is %s, want %s", code, result.MethodNotAllowed)
				}
			})
		}
	}
}
