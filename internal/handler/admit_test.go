package handler_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// onlyBearerGood admits the callers that have the token "good".
func onlyBearerGood(o *handler.Options) {
	o.Admit = func(_ context.Context, r *handler.Request) (string, error) {
		if r.Header.Get("Authorization") == "Bearer good" {
			return "", nil
		}
		return "", result.Fail(result.Unauthenticated, "no")
	}
}

func TestARefusedCallerIsAnswered401BeforeItsRequestIsRead(t *testing.T) {
	want := newFunction(onlyBearerGood).http(t, awstest.Request{Path: mirror}.HTTPAPI()).result(t)
	if want.ErrorCode != result.Unauthenticated {
		t.Errorf("the code is %s, want %s", want.ErrorCode, result.Unauthenticated)
	}
	for name, event := range map[string]string{
		"a good request":            awstest.Request{Path: mirror}.HTTPAPI(),
		"no route, GET, bad values": awstest.Request{Method: http.MethodGet, Path: "/nowhere?timeout=x"}.HTTPAPI(),
		"a bad document":            awstest.Request{Path: "/webhooks", Body: `{`}.HTTPAPI(),
		"on a REST API":             awstest.Request{Path: mirror}.RESTAPI(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(onlyBearerGood)
			response := f.http(t, event)
			response.wantStatus(t, http.StatusUnauthorized)
			if got := response.Headers["WWW-Authenticate"]; got != "Bearer" {
				t.Errorf("WWW-Authenticate is %q, want Bearer", got)
			}
			ignored := cmpopts.IgnoreFields(result.Result{}, "CompletedAt", "DurationMS", "failure")
			if diff := cmp.Diff(want, response.result(t), ignored); diff != "" {
				t.Errorf("the refusal is not the same for all (-want +got):\n%s", diff)
			}
			f.wantRequests(t)
		})
	}
}

func TestAnAdmittedCallerIsServed(t *testing.T) {
	good := awstest.Request{Path: mirror, Header: http.Header{"authorization": {"Bearer good"}}}
	for api, event := range map[string]string{"HTTP API": good.HTTPAPI(), "REST API": good.RESTAPI(), "function URL": good.FunctionURL()} {
		t.Run(api, func(t *testing.T) {
			newFunction(onlyBearerGood).http(t, event).wantStatus(t, http.StatusOK)
		})
	}
}

func TestAnUnforeseenErrorOfTheCallersCheckIsNotShown(t *testing.T) {
	f := newFunction(func(o *handler.Options) {
		o.Admit = func(context.Context, *handler.Request) (string, error) {
			return "", errors.New("an inner secret")
		}
	})
	response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
	response.wantStatus(t, http.StatusInternalServerError)
	if strings.Contains(response.Body, "an inner secret") {
		t.Errorf("the caller is told %s", response.Body)
	}
}

func TestAnHTTPEventThatCannotBeDecodedIsA400(t *testing.T) {
	for name, event := range map[string]string{
		"payload 2.0": `{"version":"2.0","rawPath":7,"requestContext":{"http":{"method":"POST"}}}`,
		"payload 1.0": `{"path":7,"requestContext":{"httpMethod":"POST"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			response := newFunction().http(t, event)
			response.wantStatus(t, http.StatusBadRequest)
			if code := response.result(t).ErrorCode; code != result.InvalidRequest {
				t.Errorf("the code is %s, want %s", code, result.InvalidRequest)
			}
		})
	}
}

func TestARequestsHeadersAreFoundInAnyCaseAndWithAllTheirValues(t *testing.T) {
	var seen http.Header
	f := newFunction(func(o *handler.Options) {
		o.Admit = func(_ context.Context, r *handler.Request) (string, error) { seen = r.Header; return "", nil }
	})
	f.http(t, `{"path":"/","headers":{"X-One":"a"},"multiValueHeaders":{"x-MANY":["a","b"]},"requestContext":{"httpMethod":"POST"}}`)
	if diff := cmp.Diff(http.Header{"X-One": {"a"}, "X-Many": {"a", "b"}}, seen); diff != "" {
		t.Errorf("other headers are seen (-want +got):\n%s", diff)
	}
}

func TestOnlyAWSsOwnAuthorizerAuthenticatesWithIAM(t *testing.T) {
	iam := awstest.Request{Path: mirror, IAM: true}
	forged := awstest.Request{Path: mirror, Lambda: map[string]any{"iam": map[string]string{"accessKey": "x", "userArn": "y"}}}
	for name, c := range map[string]struct {
		event string
		want  bool
	}{
		"IAM on an HTTP API":                 {iam.HTTPAPI(), true},
		"IAM on a function URL":              {iam.FunctionURL(), true},
		"IAM on a REST API":                  {iam.RESTAPI(), true},
		"a Lambda authorizer on an HTTP API": {forged.HTTPAPI(), false},
		"a Lambda authorizer on a REST API":  {forged.RESTAPI(), false},
		"no authorizer":                      {awstest.Request{Path: mirror}.HTTPAPI(), false},
	} {
		t.Run(name, func(t *testing.T) {
			var got bool
			f := newFunction(func(o *handler.Options) {
				o.Admit = func(_ context.Context, r *handler.Request) (string, error) { got = r.IAM; return "", nil }
			})
			f.http(t, c.event).wantStatus(t, http.StatusOK)
			if got != c.want {
				t.Errorf("IAM is %t, want %t", got, c.want)
			}
		})
	}
}
