package handler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// lambdaLimit is the largest answer that Lambda returns, in bytes.
const lambdaLimit = 6 << 20

// manySources refreshes every user with a number of sources, or refuses it with a long detail.
type manySources struct {
	handler.Refresher
	sources int
	failure *result.Failure
}

func (m manySources) All(_ context.Context, requests []refresh.Request, each func(int, result.Result)) {
	var names []string
	for i := range m.sources {
		names = append(names, fmt.Sprintf("withings/vitals/source_%05d", i))
	}
	for i, request := range requests {
		out := result.From(request.UserID, result.Answer{Status: 200, Refreshed: names})
		if m.failure != nil {
			out = result.FromFailure(request.UserID, m.failure)
		}
		each(i, out)
	}
}

func newLargeFunction(refresher manySources) *handler.Handler {
	log := slog.New(slog.DiscardHandler)
	return handler.New(refresher, handler.Options{
		DefaultTimeout: 10, Observer: observe.NewLog(log), Log: log,
		Admit: func(context.Context, *handler.Request) (string, error) { return "", nil },
	})
}

// usersDocument names a number of users.
func usersDocument(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"00000000-0000-4000-8000-%012d"`, i)
	}
	return `{"user_ids":[` + strings.Join(ids, ",") + `]}`
}

func TestAnAnswerFitsIntoWhatLambdaReturns(t *testing.T) {
	long := &result.Failure{
		Code: result.UpstreamInvalidRequest, Message: strings.Repeat("x", 500), Detail: json.RawMessage(`"` + strings.Repeat("x", 2<<10) + `"`),
	}
	quoted := &result.Failure{Code: result.UpstreamRejected, Message: "Junction rejected the refresh", Shown: strings.Repeat("<", 500)}
	for name, c := range map[string]struct {
		refresher manySources
		event     string
		truncated bool
	}{
		"a direct document with 5,000 users":               {manySources{sources: 12}, usersDocument(5000), true},
		"a webhook with 5,000 users":                       {manySources{sources: 12}, awstest.Request{Path: "/webhooks", Body: usersDocument(5000)}.HTTPAPI(), true},
		"a webhook with 5,000 refused users":               {manySources{failure: long}, awstest.Request{Path: "/webhooks", Body: usersDocument(5000)}.HTTPAPI(), true},
		"a webhook with 5,000 users and hostile errors":    {manySources{failure: quoted}, awstest.Request{Path: "/webhooks", Body: usersDocument(5000)}.HTTPAPI(), true},
		"a direct document for a user with 80,000 sources": {manySources{sources: 80_000}, `{"user_id":"` + user + `"}`, true},
		"an HTTP request for a user with 80,000 sources":   {manySources{sources: 80_000}, awstest.Request{Path: "/v2/user/refresh/" + user}.HTTPAPI(), true},
		"a direct document with 100 users":                 {manySources{sources: 30}, usersDocument(100), false},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := newLargeFunction(c.refresher).Invoke(t.Context(), []byte(c.event))
			if err != nil {
				t.Fatal(err)
			}
			if len(answer) > lambdaLimit {
				t.Errorf("the answer has %d bytes", len(answer))
			}
			if got := strings.Contains(string(answer), "truncated"); got != c.truncated {
				t.Errorf("the answer says truncated: %v, want %v", got, c.truncated)
			}
		})
	}
}

func TestMoreUsersThanAnAnswerCanHoldNeedAQueue(t *testing.T) {
	answer, err := newLargeFunction(manySources{}).Invoke(t.Context(), []byte(usersDocument(5001)))
	if err != nil {
		t.Fatal(err)
	}
	var out result.Result
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	if out.ErrorCode != result.InvalidRequest || !strings.Contains(out.Error, "REFRESH_QUEUE_URL") {
		t.Errorf("the answer is %s: %s", out.ErrorCode, out.Error)
	}
}
