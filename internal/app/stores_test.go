package app_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestWithoutATableTheQuotaHoldsWithinTheInstance(t *testing.T) {
	f := start(t, "QUOTA_LIMIT=2", "COALESCE_WINDOW=0s")
	const event = `{"user_id":"` + junctiontest.NoSourcesUserID + `"}`
	for range 2 {
		if got := f.result(t, event); got.ErrorCode != result.NoConnectedSources {
			t.Errorf("the code is %s, want %s", got.ErrorCode, result.NoConnectedSources)
		}
	}
	f.wantError(t, event, "RateLimited")
	f.wantCalls(t, junctiontest.NoSourcesUserID, 2)
}

func TestASecondRefreshWithinAMinuteIsAnsweredByTheFirst(t *testing.T) {
	f := start(t)
	first, second := f.result(t, partialUser), f.result(t, partialUser)
	first.Coalesced, first.AgeSeconds = true, new(0)
	if diff := cmp.Diff(first, second, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
		t.Errorf("it is answered otherwise (-first +second):\n%s", diff)
	}
	f.wantCalls(t, junctiontest.DefaultUserID, 1)
}

func TestARepeatedDeliveryIsAnsweredAsBeforeUnlessItFailed(t *testing.T) {
	delivery := func(id string) string {
		return awstest.Request{Path: "/webhooks", Header: http.Header{"webhook-id": {id}}, Body: completedUser}.HTTPAPI()
	}
	answer := func(f function, id string) string {
		t.Helper()
		answer, err := f.invoke(t, delivery(id))
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	f := start(t, "QUOTA_LIMIT=0", "COALESCE_WINDOW=0s", "MAX_ATTEMPTS=1")
	f.junction.Inject(1, junctiontest.Status(http.StatusServiceUnavailable))
	answer(f, "msg_1") // fails
	f.wantCalls(t, junctiontest.CompletedUserID, 1)
	first := answer(f, "msg_1")
	f.wantCalls(t, junctiontest.CompletedUserID, 2)
	second := answer(f, "msg_1")
	f.wantCalls(t, junctiontest.CompletedUserID, 2)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("it is answered otherwise (-first +second):\n%s", diff)
	}
	answer(f, "msg_2")
	f.wantCalls(t, junctiontest.CompletedUserID, 3)
}
