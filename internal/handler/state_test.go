package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// asking returns a GET of a path.
func asking(path string) awstest.Request { return awstest.Request{Method: http.MethodGet, Path: path} }

// wantNothingRefreshed checks that neither the log nor a metric has a refresh.
func (f function) wantNothingRefreshed(t *testing.T) {
	t.Helper()
	f.wantRequests(t)
	f.wantNotLogged(t, `"msg":"refresh"`)
}

func TestAUsersStateIsAnsweredWithoutARefresh(t *testing.T) {
	at := time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)
	last := result.From(user, result.Answer{Status: 200, Refreshed: []string{"withings/body"}})
	last.CompletedAt, last.RequestID = at, "of-then"
	full := result.State{
		UserID: user, Refreshing: true, CallsInWindow: 3, CallsLeft: new(5), NextCallAt: new(at.Add(time.Hour)), LastResult: &last, LastRefreshedAt: &at,
	}
	for name, c := range map[string]struct {
		event string
		state result.State
		want  string
	}{
		"of a user who was refreshed": {asking(mirror).HTTPAPI(), full, `{"user_id":"` + user + `","refreshing":true,"calls_in_window":3,"calls_left":5,` +
			`"next_call_at":"2026-11-23T19:13:00Z","last_result":` + string(mustEncode(last)) + `,"last_refreshed_at":"2026-11-23T18:13:00Z"}`},
		"of an unknown user": {asking(mirror).RESTAPI(), result.State{UserID: user, CallsLeft: new(8)}, `{"user_id":"` + user + `","refreshing":false,"calls_in_window":0,"calls_left":8,` +
			`"next_call_at":null,"last_result":null,"last_refreshed_at":null}`},
		"without a quota": {asking("/prod" + mirror + "/").FunctionURL(), result.State{UserID: user}, `{"user_id":"` + user + `","refreshing":false,"calls_in_window":0,"calls_left":null,` +
			`"next_call_at":null,"last_result":null,"last_refreshed_at":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(withQueue(&queue{}), withBus(&bus{}))
			f.refresher.state = c.state
			response := f.http(t, c.event)
			response.wantStatus(t, http.StatusOK)
			if diff := cmp.Diff(c.want, response.Body); diff != "" {
				t.Errorf("another state is answered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{user}, f.refresher.states); diff != "" {
				t.Errorf("the state of other users is asked for (-want +got):\n%s", diff)
			}
			f.wantNothingRefreshed(t)
		})
	}
}

func TestTheStateIsForAdmittedCallersOnly(t *testing.T) {
	for name, path := range map[string]string{"of a user": mirror, "of a bad ID": "/v2/user/refresh/not-a-uuid"} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(onlyBearerGood)
			f.http(t, asking(path).HTTPAPI()).wantStatus(t, http.StatusUnauthorized)
			if len(f.refresher.states) != 0 {
				t.Errorf("the state of %v is asked for", f.refresher.states)
			}
		})
	}
	t.Run("with a good token", func(t *testing.T) {
		request := asking(mirror)
		request.Header = http.Header{"authorization": {"Bearer good"}}
		newFunction(onlyBearerGood).http(t, request.HTTPAPI()).wantStatus(t, http.StatusOK)
	})
}

func TestTheStateOfABadIDIsRefusedInJunctionsForm(t *testing.T) {
	f := newFunction()
	response := f.http(t, asking("/v2/user/refresh/not-a-uuid").HTTPAPI())
	response.wantStatus(t, http.StatusUnprocessableEntity)
	out := response.result(t)
	want := `[{"loc":["path","user_id"],"msg":"user_id is not a UUID","type":"value_error"}]`
	if diff := cmp.Diff(want, string(out.Detail)); diff != "" {
		t.Errorf("another detail (-want +got):\n%s", diff)
	}
	f.wantNothingRefreshed(t)
	if len(f.refresher.states) != 0 {
		t.Errorf("the state of %v is asked for", f.refresher.states)
	}
}

func TestAStateThatCannotBeReadIs503AndNotARefreshThatFailed(t *testing.T) {
	told := &toldResults{}
	f := newFunction(func(o *handler.Options) { o.Observer = observe.All{o.Observer, told} })
	f.refresher.stateFails = result.FailFor(result.QuotaUnavailable, "the quota's table could not be reached", errors.New("no table"))
	response := f.http(t, asking(mirror).HTTPAPI())
	response.wantStatus(t, http.StatusServiceUnavailable)
	out := response.result(t)
	if diff := cmp.Diff([]any{result.QuotaUnavailable, true, "request-1"}, []any{out.ErrorCode, *out.Retryable, out.RequestID}); diff != "" {
		t.Errorf("another answer (-want +got):\n%s", diff)
	}
	if strings.Contains(response.Body, "no table") {
		t.Errorf("the caller is told the cause: %s", response.Body)
	}
	f.wantNothingRefreshed(t)
	f.wantLog(t, `"level":"ERROR"`, `"cause":"no table"`, `"request_id":"request-1"`)
	if told.results != 0 {
		t.Errorf("%d results are told, want none", told.results)
	}
}

// toldResults counts the results that an observer is told of.
type toldResults struct {
	observe.Nop
	results int
}

func (o *toldResults) Refreshed(context.Context, observe.Origin, result.Result) { o.results++ }

func mustEncode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
