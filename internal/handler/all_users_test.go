package handler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// wantListed checks which pages of users were listed, as offset and limit.
func (f function) wantListed(t *testing.T, want ...[2]int) {
	t.Helper()
	if diff := cmp.Diff(want, f.refresher.pages); diff != "" {
		t.Errorf("other pages are listed (-want +got):\n%s", diff)
	}
}

func TestForAllUsersOneMessagePerPageIsQueued(t *testing.T) {
	q := &queue{}
	f := newFunction(withQueue(q))
	f.refresher.team = make([]result.User, 1001)
	got := string(f.answer(t, `{"all_users":true,"timeout":30}`))
	if want := `{"status":"queued","summary":{"users":1001,"pages":3},"results":[]}`; got != want {
		t.Errorf("it is answered with %s, want %s", got, want)
	}
	var pages []string
	for _, offset := range []int{0, 500, 1000} {
		pages = append(pages, fmt.Sprintf(`{"all_users":true,"offset":%d,"limit":500,"timeout":30,"trigger":"direct","request_id":"request-1"}`, offset))
	}
	wantQueued(t, q, pages...)
	f.wantListed(t, [2]int{0, 1})
}

func TestATeamWithoutUsersQueuesNothing(t *testing.T) {
	q := &queue{}
	f := newFunction(withQueue(q))
	if got := string(f.answer(t, `{"all_users":true}`)); !strings.Contains(got, `"users":0`) {
		t.Errorf("it is answered with %s", got)
	}
	wantQueued(t, q)
}

func TestAPagesUsersAreQueuedUnderTheFirstRequestsID(t *testing.T) {
	q := &queue{}
	f := newFunction(withQueue(q))
	f.refresher.team = []result.User{{ID: "x"}, {ID: user, ClientUserID: "app-user-7"}, {}, {ID: other}}
	f.wantFailures(t, awstest.SQSBatch(`{"all_users":true,"offset":1,"limit":2,"timeout":30,"trigger":"function-url","request_id":"of-the-caller"}`))
	f.wantListed(t, [2]int{1, 2})
	wantQueued(t, q, `{"user_id":"`+user+`","client_user_id":"app-user-7","timeout":30,"trigger":"function-url","request_id":"of-the-caller"}`)
}

func TestAPageThatCannotBeListedIsRetried(t *testing.T) {
	f := newFunction(withQueue(&queue{}))
	f.refresher.listFails = result.Fail(result.UpstreamUnavailable, "x")
	t.Run("sqs", func(t *testing.T) {
		f.wantFailures(t, awstest.SQSBatch(`{"all_users":true,"offset":0}`), "m0")
	})
	t.Run("direct", func(t *testing.T) {
		if e := f.lambdaError(t, `{"all_users":true}`); e.Type != "UpstreamUnavailable" {
			t.Errorf("the errorType is %s, want UpstreamUnavailable", e.Type)
		}
	})
}

func TestABadPageIsRefused(t *testing.T) {
	f := newFunction(withQueue(&queue{}))
	if out := f.result(t, `{"all_users":true,"offset":-1}`); out.ErrorCode != result.InvalidRequest {
		t.Errorf("the code is %q, want %s", out.ErrorCode, result.InvalidRequest)
	}
	f.wantListed(t)
}
