package handler_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// Whatever the event is, the answer is JSON, or an error that Lambda can retry. An event with a space in it
// is for a function with a queue and a bus.
func FuzzInvoke(f *testing.F) {
	for _, event := range []string{
		`{"user_id":"` + user + `","timeout":"1e5"}`, `{"user_ids":["` + user + `"]}`, `{"client_user_id":"x"}`, `{"all_users":true}`,
		`{"user_ids": ["` + user + `"]}`, `{"all_users": true,"offset":7,"limit":"9"}`,
		awstest.Request{Path: "/prod" + mirror + "/?timeout=3"}.FunctionURL(),
		`{"requestContext":{"httpMethod":"POST"},"path":"/webhooks","headers":{"svix-id":"1"},"body":"e30=","isBase64Encoded":true}`,
		awstest.SQSBatch(`{"detail-type":"x","source":"y","detail":{}}`), awstest.SQSBatch(`{"all_users": true}`),
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","attributes":{"ApproximateReceiveCount":"x"},"body":"{\"all_users\": true}"}]}`,
		awstest.SQSBatch(lookMessage(followUp(user, 0)) + " "), awstest.SQSBatch(`{"follow_up": {"user_id":7}}`),
		awstest.Request{Method: "GET", Path: mirror}.HTTPAPI(),
		awstest.Request{Path: mirror + "?max_age=9", Header: map[string][]string{"cache-control": {`max-age="9", no-cache`}}}.RESTAPI(),
		awstest.Request{Path: "/webhooks", Body: connectionError + " "}.HTTPAPI(),
		awstest.EventBridgeEvent("y", `{"data":{"user_id":1}}`), `{"Records":[null]}`, `null`, `{`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		fn := newFunction()
		if bytes.ContainsAny(event, " ") {
			fn, _, _ = newFollowing()
		}
		answer, err := fn.invoke(t, string(event))
		if err == nil {
			if !json.Valid(answer) {
				t.Errorf("%s is answered with %s, which is not JSON", event, answer)
			}
			return
		}
		e, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // Lambda looks at the outermost type alone
		if !ok {
			t.Errorf("%s ends with an error without a type: %v", event, err)
		} else if e.Type == "Internal" && !bytes.Contains(event, []byte("aws:sqs")) { // else a batch that cannot be decoded
			t.Errorf("%s ends with an internal error: %v", event, err)
		}
	})
}
