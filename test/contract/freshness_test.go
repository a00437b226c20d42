package contract

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

const completedPath = "/v2/user/refresh/" + junctiontest.CompletedUserID

// stores are the two that know who was refreshed.
var stores = map[string]harness.Option{
	"the instance's memory": harness.WithEnv(map[string]string{"QUOTA_LIMIT": "8", "COALESCE_WINDOW": "10m"}),
	"the table":             harness.WithTable(),
}

func TestStateOfAUserIsAnsweredWithoutACall(t *testing.T) {
	t.Parallel()
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithCallers(), harness.WithSimulator(), store, harness.WithEnv(map[string]string{"QUOTA_LIMIT": "2"}))
			token := http.Header{"Authorization": {"Bearer " + harness.Token}, "Cache-Control": {"no-cache"}}
			state := func(t *testing.T) harness.State {
				t.Helper()
				before := f.Simulator.Total()
				got := f.Get(t, completedPath, token).State(t)
				if calls := f.Simulator.Total() - before; calls != 0 || got.UserID != junctiontest.CompletedUserID || got.Refreshing {
					t.Errorf("%d calls of Junction, and the state %+v", calls, got)
				}
				return got
			}
			t.Run("a user who was never refreshed has all calls left", func(t *testing.T) {
				got := state(t)
				if got.CallsInWindow != 0 || *got.CallsLeft != 2 || got.NextCallAt != nil || got.LastResult != nil || got.LastRefreshedAt != nil {
					t.Errorf("the state is %+v", got)
				}
			})
			t.Run("after a refresh it has the result", func(t *testing.T) {
				want := f.PostHTTPAPI(t, completedPath, token, "").Result(t, http.StatusOK)
				got := state(t)
				last := got.Last(t)
				if last == nil || last.Status != "completed" || last.RequestID != want.RequestID || last.Coalesced {
					t.Errorf("the last result is %+v, want that of request %s", last, want.RequestID)
				}
				if got.CallsInWindow != 1 || *got.CallsLeft != 1 || got.NextCallAt != nil || time.Since(*got.LastRefreshedAt) > time.Minute {
					t.Errorf("the state is %+v", got)
				}
			})
			t.Run("after the last call it says when the next one is allowed", func(t *testing.T) {
				f.PostHTTPAPI(t, completedPath, token, "").Result(t, http.StatusOK)
				f.PostHTTPAPI(t, completedPath, token, "").Result(t, http.StatusTooManyRequests)
				got := state(t)
				if *got.CallsLeft != 0 || got.NextCallAt == nil || time.Until(*got.NextCallAt) < 50*time.Minute {
					t.Errorf("the state is %+v", got)
				}
			})
			t.Run("it is for callers only", func(t *testing.T) {
				if got := f.Get(t, completedPath, nil); got.Status != http.StatusUnauthorized {
					t.Errorf("without a token the status is %d", got.Status)
				}
			})
		})
	}
	t.Run("a user ID that is not a UUID is a 422", func(t *testing.T) {
		t.Parallel()
		f := harness.New(t)
		got := f.Get(t, "/v2/user/refresh/not-a-uuid", nil).Result(t, http.StatusUnprocessableEntity)
		if got.ErrorCode != "invalid_request" || len(got.Detail) == 0 {
			t.Errorf("the answer is %+v", got)
		}
	})
	t.Run("without the table it is a 503", func(t *testing.T) {
		t.Parallel()
		f := harness.New(t, harness.WithEnv(map[string]string{"QUOTA_TABLE": "none", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", "QUOTA_LIMIT": "8"}))
		if got := f.Get(t, completedPath, nil).Result(t, http.StatusServiceUnavailable); got.ErrorCode != "quota_unavailable" {
			t.Errorf("error code is %q", got.ErrorCode)
		}
	})
}

func TestCallerDecidesHowOldAResultMayBe(t *testing.T) {
	t.Parallel()
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithSimulator(), store, harness.WithEnv(map[string]string{"COALESCE_WINDOW": "1s"}))
			first := f.PostHTTPAPI(t, completedPath, nil, "").Result(t, http.StatusOK)
			time.Sleep(2 * time.Second) // now the result is older than COALESCE_WINDOW
			for _, test := range []struct {
				name, query, cacheControl string
				coalesced                 bool
			}{
				{"a result of the last 15 minutes", "", "max-age=900", true},
				{"the same as a query, which has precedence", "?max_age=900", "no-cache", true},
				{"a directive that cannot be read is ignored", "?max_age=900", "max-age=soon", true},
				{"nothing but a new result", "", "no-cache", false},
				{"nothing but a new result, as a query", "?max_age=0", "max-age=900", false},
			} {
				t.Run(test.name, func(t *testing.T) {
					answer := f.PostHTTPAPI(t, completedPath+test.query, http.Header{"Cache-Control": {test.cacheControl}}, "")
					got := answer.Result(t, http.StatusOK)
					if got.Coalesced != test.coalesced || got.Status != first.Status || !got.Final {
						t.Errorf("coalesced is %t, want %t: %s", got.Coalesced, test.coalesced, answer.Body)
					}
					age := answer.Header.Get("Age")
					switch {
					case !test.coalesced && (age != "" || got.AgeSeconds != nil):
						t.Errorf("a new result has the age %q", age)
					case test.coalesced && (got.AgeSeconds == nil || *got.AgeSeconds < 1 || age != strconv.Itoa(*got.AgeSeconds)):
						t.Errorf("the header Age is %q: %s", age, answer.Body)
					}
				})
			}
			// Documents have it too.
			if got := harness.ReadResult(t, f.Invoke(t, `{"user_id":"`+junctiontest.CompletedUserID+`","max_age":3600}`)); !got.Coalesced {
				t.Errorf("max_age of a document is not used: %+v", got)
			}
			if calls := f.Simulator.Calls(junctiontest.CompletedUserID); calls != 3 {
				t.Errorf("Junction was called %d times, want 3", calls)
			}
		})
	}
}
