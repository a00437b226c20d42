package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// unreachable refuses connections.
const unreachable = "http://127.0.0.1:1"

func TestATableThatCannotBeReachedStopsNoRefreshAndIsLogged(t *testing.T) {
	awstest.SetEndpoint(t, unreachable, "DYNAMODB")
	for quota, logged := range map[string]bool{"QUOTA_LIMIT=8": true, "QUOTA_LIMIT=0": false} {
		t.Run(quota, func(t *testing.T) {
			f := start(t, "QUOTA_TABLE=nowhere", quota, "COALESCE_WINDOW=0s")
			wantStatus(t, f.result(t, partialUser), result.Partial)
			if got := strings.Contains(f.log.String(), "quota_error"); got != logged {
				t.Errorf("quota_error is logged: %t, want %t:\n%s", got, logged, f.log)
			}
		})
	}
}

func TestTheKeyComesFromSecretsManagerUnlessOneIsGiven(t *testing.T) {
	awstest.SetEndpoint(t, unreachable, "SECRETS_MANAGER")
	f := start(t, "JUNCTION_API_KEY=", "JUNCTION_SECRET_ID=junction/key")
	f.wantError(t, partialUser, "SecretUnavailable")
	if total := f.junction.Total(); total != 0 {
		t.Errorf("%d requests to Junction without a key", total)
	}
}

func TestTheQueueAndTheBusOfTheEnvironmentAreUsed(t *testing.T) {
	var mu sync.Mutex
	var operations []string
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		operations = append(operations, r.Header.Get("X-Amz-Target"))
		mu.Unlock()
		w.WriteHeader(http.StatusBadRequest) // which no client retries
	}))
	defer aws.Close()
	awstest.SetEndpoint(t, aws.URL, "SQS", "EVENTBRIDGE")
	q, b := &queue{}, &bus{}
	f := startWith(t, app.Options{Queue: q, Bus: b}, "REFRESH_QUEUE_URL="+aws.URL+"/refreshes", "RESULT_BUS=results")
	f.wantError(t, `{"user_ids":["`+junctiontest.CompletedUserID+`"]}`, "QueueFailed")
	f.wantError(t, completedUser, "PublishFailed")
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"AmazonSQS.SendMessageBatch", "AWSEvents.PutEvents"}, operations); diff != "" {
		t.Errorf("AWS is asked for other operations (-want +got):\n%s", diff)
	}
	if q.sent != 0 || len(b.results) != 0 {
		t.Errorf("%d messages and %d results went to this process, want none", q.sent, len(b.results))
	}
}
