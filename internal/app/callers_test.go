package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/auth"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	token         = "a-token-for-tests-1"
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

	// bundle is a secret with everything in it, which JUNCTION_API_KEY takes too.
	bundle = `{"api_key":"` + junctiontest.DefaultKey + `","tokens":["` + token + `"],"webhook_secrets":["` + webhookSecret + `"]}`
)

func TestAnHTTPCallerIsAdmittedByTheMethodsOfCallerAuth(t *testing.T) {
	signature, err := auth.Sign(sensitive.New(webhookSecret), "msg_1", time.Now(), []byte(completedUser))
	if err != nil {
		t.Fatal(err)
	}
	request := func(change func(*awstest.Request)) awstest.Request {
		r := awstest.Request{Path: "/webhooks", Body: completedUser, Base64: true}
		change(&r)
		return r
	}
	stranger := request(func(*awstest.Request) {})
	signed := request(func(r *awstest.Request) { r.Header = signature })
	withToken := request(func(r *awstest.Request) { r.Header = http.Header{"authorization": {"Bearer " + token}} })
	withBadToken := request(func(r *awstest.Request) { r.Header = http.Header{"authorization": {"Bearer a-token-for-tests-2"}} })
	iam := request(func(r *awstest.Request) { r.IAM = true })
	forgedIAM := request(func(r *awstest.Request) {
		r.Lambda = map[string]any{"iam": map[string]string{"accessKey": "x", "userArn": "y"}}
	})
	const apiKeyOnly = `{"path":"/webhooks","body":"{}","requestContext":{"httpMethod":"POST","identity":{"apiKey":"x","accessKey":null,"userArn":null}}}`
	for name, c := range map[string]struct {
		methods, event string
		status         string
	}{
		"a stranger":                        {"signature,token,iam", stranger.HTTPAPI(), "401"},
		"a stranger, if all may call":       {"none", stranger.HTTPAPI(), "200"},
		"a signature":                       {"signature,token", signed.HTTPAPI(), "200"},
		"a signature, if only tokens count": {"token", signed.HTTPAPI(), "401"},
		"a token":                           {"token", withToken.HTTPAPI(), "200"},
		"a wrong token":                     {"signature,token", withBadToken.HTTPAPI(), "401"},
		"IAM":                               {"iam", iam.HTTPAPI(), "200"},
		"IAM, if only tokens count":         {"token", iam.HTTPAPI(), "401"},
		"a Lambda authorizer that calls itself IAM": {"iam", forgedIAM.HTTPAPI(), "401"},
		"IAM on a REST API":                         {"iam", iam.RESTAPI(), "200"},
		"a REST API's API key alone":                {"iam", apiKeyOnly, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, "CALLER_AUTH="+c.methods, "JUNCTION_API_KEY="+bundle)
			answer, err := f.invoke(t, c.event)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(answer), `"statusCode":`+c.status) {
				t.Errorf("it is answered with %s, want a %s", answer, c.status)
			}
			for _, secret := range []string{"a-token", "whsec_", "v1,"} {
				if strings.Contains(f.log.String(), secret) {
					t.Errorf("%s is logged:\n%s", secret, f.log)
				}
			}
		})
	}
}

func TestEntriesOfTheSecretThatAdmitNobodyAreWarnedOf(t *testing.T) {
	f := start(t, `JUNCTION_API_KEY={"api_key":"`+junctiontest.DefaultKey+`","tokens":["short"]}`)
	f.result(t, partialUser)
	if !strings.Contains(f.log.String(), "empty or too short") {
		t.Errorf("there is no warning:\n%s", f.log)
	}
	if strings.Contains(f.log.String(), `"short"`) {
		t.Errorf("the entry is logged:\n%s", f.log)
	}
}
