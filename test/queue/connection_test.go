package queue

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestConnectionErrorIsPublishedOnce(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue(), harness.WithCallers())
	body := `{"event_type":"provider.connection.error","team_id":"` + junctiontest.TeamID + `","user_id":"` + junctiontest.ReconnectUserID +
		`","client_user_id":"` + junctiontest.ReconnectClientUserID + `","data":{"user_id":"` + junctiontest.ReconnectUserID +
		`","provider":"oura","message":"` + harness.Marker + `","error_type":"token_refresh_failed","error_details":"` + harness.Marker + `"}}`
	header := harness.SignedHeader(t, "Svix-", harness.WebhookSecret, time.Now(), body)
	post := func(t *testing.T, status int) harness.Result {
		t.Helper()
		return f.PostHTTPAPI(t, "/webhooks", header, body).Result(t, status)
	}

	t.Run("if the bus is down, Junction is asked to send it again", func(t *testing.T) {
		f.AWS.Inject("PutEvents", junctiontest.Always, junctiontest.Status(http.StatusInternalServerError))
		if got := post(t, http.StatusServiceUnavailable); got.ErrorCode != "publish_failed" {
			t.Errorf("error code is %q", got.ErrorCode)
		}
		f.AWS.ClearFaults("PutEvents")
	})
	t.Run("it is published, and refreshes nobody", func(t *testing.T) {
		if got := post(t, http.StatusOK); got.Status != "ignored" || got.ClientUserID != junctiontest.ReconnectClientUserID {
			t.Errorf("the answer is %+v", got)
		}
		checkQueueAndCalls(t, f, 0, 0)
	})
	t.Run("a redelivery is answered, and not published again", func(t *testing.T) {
		if got := post(t, http.StatusOK); got.Status != "ignored" {
			t.Errorf("status is %q", got.Status)
		}
	})
	event := f.AWS.PublishedEvents(t, 1)[0] // and no other
	want := result.ConnectionError{
		SchemaVersion: 1, UserID: junctiontest.ReconnectUserID, ClientUserID: junctiontest.ReconnectClientUserID,
		Provider: "oura", ErrorType: "token_refresh_failed", ReceivedAt: time.Now(),
	}
	got := harness.ReadConnectionError(t, event.Detail)
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Minute)); diff != "" || event.DetailType != harness.ConnectionErrorEvent {
		t.Errorf("it was published as %q (-want +got):\n%s", event.DetailType, diff)
	}
	if strings.Contains(string(event.Detail), harness.Marker) {
		t.Errorf("the event has Junction's message: %s", event.Detail)
	}
}

// An app asks for the refresh of the user when the user has reconnected, and reads why a source failed until then.
func TestFailedSourceSaysThatItsUserHasToReconnect(t *testing.T) {
	t.Parallel()
	f := harness.New(t, harness.WithQueue())
	f.AWS.SendMessages(t, refreshOf(junctiontest.ReconnectUserID))
	f.Consume(t, 10)
	got := f.AWS.Published(t, 1)[0]
	want := []harness.SourceRow{
		{Provider: "oura", Resource: "sleep", State: "failed", Reconnect: true, Reason: "token_refresh_failed"},
		{Provider: "withings", Resource: "body", State: "refreshed"},
	}
	if diff := cmp.Diff(want, got.Sources); diff != "" || got.Status != "partial" || !got.Final {
		t.Errorf("status %q, final %t; sources (-want +got):\n%s", got.Status, got.Final, diff)
	}
}
