package result_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAUsersStateHasEveryFieldAndNullForWhatIsNotKnown(t *testing.T) {
	at := time.Date(2026, 11, 23, 18, 13, 0, 0, time.UTC)
	last := result.From(user, result.Answer{Status: 200, Refreshed: []string{"oura/sleep"}})
	last.CompletedAt, last.RequestID = at, "r-1"
	lastJSON, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		state result.State
		want  string
	}{
		"an unknown user": {
			result.State{UserID: user, CallsLeft: new(8)},
			`"refreshing":false,"calls_in_window":0,"calls_left":8,"next_call_at":null,"last_result":null,"last_refreshed_at":null`,
		},
		"without a quota": {
			result.State{UserID: user, CallsInWindow: 3},
			`"refreshing":false,"calls_in_window":3,"calls_left":null,"next_call_at":null,"last_result":null,"last_refreshed_at":null`,
		},
		"the quota is used up": {
			result.State{UserID: user, Refreshing: true, CallsInWindow: 8, CallsLeft: new(0), NextCallAt: new(at.Add(time.Hour)), LastResult: &last, LastRefreshedAt: &at},
			`"refreshing":true,"calls_in_window":8,"calls_left":0,"next_call_at":"2026-11-23T19:13:00Z","last_result":` + string(lastJSON) + `,"last_refreshed_at":"2026-11-23T18:13:00Z"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(c.state)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`{"user_id":"`+user+`",`+c.want+`}`, string(got)); diff != "" {
				t.Errorf("the state (-want +got):\n%s", diff)
			}
		})
	}
}
