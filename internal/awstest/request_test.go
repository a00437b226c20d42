package awstest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

const functionURLPrefix = "abcdefghijklmnopqrstuvwxyz012345"

func TestRequestAsAnEventOfPayload2(t *testing.T) {
	for _, test := range []struct{ name, event, want string }{
		{"of an HTTP API, with only a path", awstest.Request{Path: "/webhooks"}.HTTPAPI(), `{
			"version": "2.0", "routeKey": "$default", "rawPath": "/webhooks", "rawQueryString": "", "headers": {}, "isBase64Encoded": false,
			"requestContext": {
				"accountId": "123456789012", "apiId": "a1b2c3d4e5", "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
				"domainPrefix": "a1b2c3d4e5", "requestId": "", "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0,
				"http": {"method": "POST", "path": "/webhooks", "protocol": "", "sourceIp": "", "userAgent": ""}
			}
		}`},
		{"of a function URL, with everything", awstest.Request{
			Method: "GET", Path: "/a%2Fb?timeout=20&timeout=30", Header: http.Header{"X-A": {"1", "2"}, "x-a": {"3"}, "Webhook-Id": {"msg_1"}},
			Body: "hé", Base64: true, IAM: true, Lambda: map[string]any{"who": "x"},
		}.FunctionURL(), `{
			"version": "2.0", "routeKey": "$default", "rawPath": "/a%2Fb", "rawQueryString": "timeout=20&timeout=30",
			"queryStringParameters": {"timeout": "20,30"}, "headers": {"x-a": "1,2,3", "webhook-id": "msg_1"}, "body": "aMOp", "isBase64Encoded": true,
			"requestContext": {
				"accountId": "123456789012", "apiId": "` + functionURLPrefix + `", "domainName": "` + functionURLPrefix + `.lambda-url.us-east-1.on.aws",
				"domainPrefix": "` + functionURLPrefix + `", "requestId": "", "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0,
				"http": {"method": "GET", "path": "/a%2Fb", "protocol": "", "sourceIp": "", "userAgent": ""},
				"authorizer": {
					"lambda": {"who": "x"},
					"iam": {
						"accessKey": "AKIAIOSFODNN7EXAMPLE", "accountId": "123456789012", "userArn": "arn:aws:iam::123456789012:user/caller",
						"callerId": "", "principalOrgId": "", "userId": "", "cognitoIdentity": {"amr": null, "identityId": "", "identityPoolId": ""}
					}
				}
			}
		}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(decode[any](t, test.want), decode[any](t, test.event)); diff != "" {
				t.Errorf("the event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestAsAnEventOfPayload1(t *testing.T) {
	event := awstest.Request{
		Path: "/webhooks?tag=1&tag=2", Header: http.Header{"X-A": {"1", "2"}}, Body: "{}", IAM: true, Lambda: map[string]any{"who": "x"},
	}.RESTAPI()
	want := `{
		"resource": "/{proxy+}", "path": "/webhooks", "httpMethod": "POST", "headers": {"X-A": "2"}, "multiValueHeaders": {"X-A": ["1", "2"]},
		"queryStringParameters": {"tag": "2"}, "multiValueQueryStringParameters": {"tag": ["1", "2"]},
		"pathParameters": null, "stageVariables": null, "body": "{}",
		"requestContext": {
			"accountId": "123456789012", "resourceId": "", "stage": "prod", "domainName": "", "domainPrefix": "", "requestId": "",
			"extendedRequestId": "", "protocol": "", "resourcePath": "", "path": "/prod/webhooks", "authorizer": {"who": "x"},
			"httpMethod": "POST", "requestTime": "", "requestTimeEpoch": 0, "apiId": "",
			"identity": {"accessKey": "AKIAIOSFODNN7EXAMPLE", "userArn": "arn:aws:iam::123456789012:user/caller", "sourceIp": "", "userAgent": ""}
		}
	}`
	if diff := cmp.Diff(decode[any](t, want), decode[any](t, event)); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
}

func TestALambdaAuthorizerIsEncodedOrPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("what JSON does not have is encoded")
		}
	}()
	awstest.Request{Lambda: map[string]any{"a channel": make(chan int)}}.HTTPAPI()
}
