package handler_test

import (
	"net/http"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

func TestOnlyTheRefreshOfASDKIsASingleCall(t *testing.T) {
	sdk := http.Header{"X-Fern-SDK-Name": {"junction"}}
	refreshRoute := awstest.Request{Path: mirror, Header: sdk}
	webhook := awstest.Request{Path: "/webhooks", Body: userDocument, Header: sdk}
	for name, c := range map[string]struct {
		event string
		want  bool
	}{
		"an SDK on an HTTP API":          {refreshRoute.HTTPAPI(), true},
		"an SDK on a REST API":           {refreshRoute.RESTAPI(), true},
		"an SDK on a function URL":       {refreshRoute.FunctionURL(), true},
		"a caller without an SDK":        {awstest.Request{Path: mirror}.HTTPAPI(), false},
		"an SDK's header without a name": {awstest.Request{Path: mirror, Header: http.Header{"X-Fern-SDK-Name": {""}}}.HTTPAPI(), false},
		"another header of an SDK":       {awstest.Request{Path: mirror, Header: http.Header{"X-Fern-Language": {"Python"}}}.HTTPAPI(), false},
		"a webhook":                      {webhook.HTTPAPI(), false},
		"a direct call":                  {userDocument, false},
		"a message":                      {awstest.SQSBatch(userDocument), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction()
			f.answer(t, c.event)
			if len(f.refresher.asked) != 1 || f.refresher.asked[0].SingleCall != c.want {
				t.Errorf("asked for is %+v, want one refresh with a single call %t", f.refresher.asked, c.want)
			}
		})
	}
}
