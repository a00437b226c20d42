package test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func refreshOf(user string) string {
	return `{"user_id":"` + user + `","timeout":5,"note":"` + marker + `"}`
}

func TestOfABatchTheMessagesComeBackThatCanSucceedLaterAndNoOthers(t *testing.T) {
	t.Parallel()
	const limited, down, garbled, unpublished = 0, 1, 2, 4 // of the generated users
	w := newWorker(t, map[string]string{"MAX_ATTEMPTS": "1"}, junctiontest.WithGeneratedUsers(10))
	w.junction.InjectFor(junctiontest.GeneratedUserID(limited), junctiontest.Always, junctiontest.TooManyRequests(time.Hour))
	w.junction.InjectFor(junctiontest.GeneratedUserID(down), junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	w.junction.InjectFor(junctiontest.GeneratedUserID(garbled), junctiontest.Always, junctiontest.HTML(http.StatusOK))
	w.inject("PutEvents", junctiontest.Always, refuseEntries(func(_ int, entry string) string {
		if strings.Contains(entry, junctiontest.GeneratedUserID(unpublished)) {
			return "NotAuthorizedForSourceException" // not to be tried again at once
		}
		return ""
	}))
	kinds := []struct{ says, body, back, status, code string }{
		{"a refresh that succeeds", refreshOf(junctiontest.CompletedUserID), "", "completed", ""},
		{"one that fails in part", refreshOf(junctiontest.DefaultUserID), "", "partial", ""},
		{"an unknown user", refreshOf(junctiontest.UnknownUserID), "", "failed", "user_not_found"},
		{"a user without sources", refreshOf(junctiontest.NoSourcesUserID), "", "failed", "no_connected_sources"},
		{"no JSON", marker, "", "failed", "invalid_request"},
		{"a webhook of Junction's that refreshes nobody", ignoredBody, "", "", ""},
		{"a rate-limited user", refreshOf(junctiontest.GeneratedUserID(limited)), "back", "", ""},
		{"a user for whom Junction is down", refreshOf(junctiontest.GeneratedUserID(down)), "back", "", ""},
		{"a user for whom Junction answers nonsense", refreshOf(junctiontest.GeneratedUserID(garbled)), "back", "", ""},
		{"a user whose result the bus refuses", refreshOf(junctiontest.GeneratedUserID(unpublished)), "back", "", ""},
	}
	var bodies, back, final []string
	for i, kind := range kinds {
		bodies = append(bodies, kind.body)
		if kind.back != "" {
			back = append(back, strconv.Itoa(i))
		}
		if kind.status != "" {
			final = append(final, kind.status+kind.code)
		}
	}
	failed := failures(t, w.direct(t, batch(t, w.refreshes.arn, bodies...)))
	slices.Sort(failed)
	if !slices.Equal(failed, back) {
		t.Errorf("the messages %q come back, want %q", failed, back)
		for i, kind := range kinds {
			t.Logf("%d: %s", i, kind.says)
		}
	}
	var got []string
	for _, one := range w.published(t, len(final)) {
		got = append(got, one.Status+one.ErrorCode)
	}
	slices.Sort(got)
	slices.Sort(final)
	if !slices.Equal(got, final) {
		t.Errorf("the results are %q, want %q", got, final)
	}
	// The rate-limited message for an hour, the unpublished result for as long as it is remembered.
	delays := w.sent("ChangeMessageVisibilityBatch")
	if len(delays) == 0 {
		t.Fatal("no message is delayed")
	}
	var seconds []int
	for _, entry := range delays[0].entries(t) {
		seconds = append(seconds, decode[struct{ VisibilityTimeout int }](t, entry).VisibilityTimeout)
	}
	slices.Sort(seconds)
	if !slices.Equal(seconds, []int{15, 3600}) {
		t.Errorf("the messages are delayed by %v s", seconds)
	}
	// Not that this queue knows them: then its own visibility timeout holds.
	if lines := w.logged(t, "messages could not be delayed; they come back at the queue's visibility timeout"); len(lines) != 1 || lines[0]["level"] != "WARN" {
		t.Errorf("the log says %v", lines)
	}
}

func TestARateLimitedMessageIsNotReceivedBeforeItCanSucceed(t *testing.T) {
	t.Parallel()
	const window = 4 * time.Second
	w := newWorker(t, map[string]string{"QUOTA_LIMIT": "1", "QUOTA_WINDOW": window.String()})
	w.send(t, refreshOf(junctiontest.CompletedUserID))
	from, _ := w.work(t, 10)
	first := w.published(t, 1)[0]
	if first.Status != "completed" {
		t.Fatalf("the first result is %s", first.Detail)
	}
	w.send(t, refreshOf(junctiontest.CompletedUserID))
	second := w.published(t, 1)[0]
	if second.Status != "completed" {
		t.Errorf("the second result is %s", second.Detail)
	}
	w.empty(t)
	got := from.receipts(junctiontest.CompletedUserID)
	if len(got) != 3 {
		t.Fatalf("the two messages were received %d times", len(got))
	}
	// Out of sight for what is left of the window, and not for the queue's own second.
	asked := w.sent("ChangeMessageVisibilityBatch")
	if len(asked) != 1 {
		t.Fatalf("%d calls of ChangeMessageVisibilityBatch", len(asked))
	}
	away := time.Duration(decode[struct{ VisibilityTimeout int }](t, asked[0].entries(t)[0]).VisibilityTimeout) * time.Second
	if away <= workerVisibility || away > window+time.Second {
		t.Errorf("it is delayed by %v", away)
	}
	if after := got[2].at.Sub(got[1].at); after < away-100*time.Millisecond {
		t.Errorf("it came back after %v, and was delayed by %v", after, away)
	}
	if calls := w.junction.Calls(junctiontest.CompletedUserID); calls != 2 {
		t.Errorf("Junction was called %d times", calls)
	}
}

func TestAMessageThatAlwaysFailsIsADeadLetterAndTheLogSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorker(t, map[string]string{"MAX_ATTEMPTS": "1"})
	w.junction.InjectFor(junctiontest.DefaultUserID, junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
	w.send(t, refreshOf(junctiontest.DefaultUserID), refreshOf(junctiontest.CompletedUserID))
	from, stop := w.work(t, 10)
	dead := w.drain(t, w.dead, 1)
	stop()
	if d := decode[document](t, []byte(dead[0].Body)); d.UserID != junctiontest.DefaultUserID {
		t.Errorf("the dead letter is %s", dead[0].Body)
	}
	if n := len(from.receipts(junctiontest.DefaultUserID)); n != receives || w.junction.Calls(junctiontest.DefaultUserID) != receives {
		t.Errorf("it was received %d times, and Junction called %d times, want %d", n, w.junction.Calls(junctiontest.DefaultUserID), receives)
	}
	if all := w.published(t, 1); all[0].UserID != junctiontest.CompletedUserID {
		t.Errorf("the result is %s", all[0].Detail)
	}
	reasons := 0
	for _, line := range w.logged(t, "refresh") {
		if line["user_id"] == junctiontest.DefaultUserID && line["error_code"] == "upstream_unavailable" && line["upstream_status"] == 503.0 {
			reasons++
		}
	}
	if reasons != receives {
		t.Errorf("the log has the reason %d times", reasons)
	}
}
