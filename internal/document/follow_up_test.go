package document_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// followUp returns a follow-up with everything in it.
func followUp() *result.FollowUp {
	return &result.FollowUp{
		UserID: user, ClientUserID: "app-user-7",
		Refreshed: []string{"withings/body"}, InProgress: []string{"fitbit/activity", "withings/vitals/blood_pressure"}, Failed: []string{"oura/sleep"},
		TimeoutSeconds: 30, RequestedTimeoutSeconds: 90, UpstreamStatus: 202, Attempts: 2,
		StartedAt: time.Date(2026, 11, 23, 18, 12, 30, 250_000_000, time.UTC), Looks: 1,
	}
}

func TestAFollowUpIsWrittenAndReadBack(t *testing.T) {
	manySources := followUp()
	for i := range 9_000 {
		manySources.InProgress = append(manySources.InProgress, fmt.Sprintf("provider_%d/resource", i))
	}
	least := &result.FollowUp{UserID: user, InProgress: []string{"oura/sleep"}, TimeoutSeconds: 5, UpstreamStatus: 200, StartedAt: time.Unix(1, 0).UTC()}
	for name, f := range map[string]*result.FollowUp{"with everything in it": followUp(), "with thousands of sources": manySources, "with the least": least} {
		t.Run(name, func(t *testing.T) {
			m := document.Message{FollowUp: f, Origin: fromCaller}
			got, err := newReader().ReadMessage(m.Body())
			if err != nil {
				t.Fatal(err)
			}
			want := document.Received{FollowUp: f, QueuedBy: document.HTTPAPI, Document: document.Document{RequestID: "of-the-caller"}}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the message is read wrong (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("on the wire", func(t *testing.T) {
		const want = `{"timeout":0,"follow_up":{"user_id":"` + user + `","client_user_id":"app-user-7","refreshed_sources":["withings/body"],` +
			`"in_progress_sources":["fitbit/activity","withings/vitals/blood_pressure"],"failed_sources":["oura/sleep"],` +
			`"timeout_seconds":30,"requested_timeout_seconds":90,"upstream_status":202,"attempts":2,` +
			`"started_at":"2026-11-23T18:12:30.25Z","looks":1},"trigger":"http-api","request_id":"of-the-caller"}`
		if diff := cmp.Diff(want, document.Message{FollowUp: followUp(), Origin: fromCaller}.Body()); diff != "" {
			t.Errorf("the message (-want +got):\n%s", diff)
		}
	})
}

func TestWhatAFollowUpOfTheQueueMayHave(t *testing.T) {
	sources := func(n int) []string { return slices.Repeat([]string{"oura/sleep"}, n) }
	for name, c := range map[string]struct {
		change func(*result.FollowUp)
		ok     bool
	}{
		"unchanged":                    {func(*result.FollowUp) {}, true},
		"a user in upper case":         {func(f *result.FollowUp) { f.UserID = upperUser }, true},
		"no user":                      {func(f *result.FollowUp) { f.UserID = "" }, false},
		"a user that is not a UUID":    {func(f *result.FollowUp) { f.UserID = "../x" }, false},
		"no running source":            {func(f *result.FollowUp) { f.InProgress = nil }, false},
		"10,000 sources":               {func(f *result.FollowUp) { f.InProgress = sources(9_998) }, true},
		"10,001 sources":               {func(f *result.FollowUp) { f.InProgress = sources(9_999) }, false},
		"10,001 sources that failed":   {func(f *result.FollowUp) { f.Failed = sources(10_001) }, false},
		"a status of 200":              {func(f *result.FollowUp) { f.UpstreamStatus = 200 }, true},
		"a status of 0":                {func(f *result.FollowUp) { f.UpstreamStatus = 0 }, false},
		"a status of 500":              {func(f *result.FollowUp) { f.UpstreamStatus = 500 }, false},
		"negative attempts":            {func(f *result.FollowUp) { f.Attempts = -1 }, false},
		"negative looks":               {func(f *result.FollowUp) { f.Looks = -1 }, false},
		"four looks":                   {func(f *result.FollowUp) { f.Looks = 4 }, true},
		"more looks than there can be": {func(f *result.FollowUp) { f.Looks = 5 }, false},
		"looks up to the largest":      {func(f *result.FollowUp) { f.Looks = 1<<63 - 1 }, false},
		"a negative timeout":           {func(f *result.FollowUp) { f.TimeoutSeconds = -1 }, false},
		"a timeout of 4 s":             {func(f *result.FollowUp) { f.TimeoutSeconds = 4 }, false},
		"a timeout of 61 s":            {func(f *result.FollowUp) { f.TimeoutSeconds = 61 }, false},
		"a huge requested timeout":     {func(f *result.FollowUp) { f.RequestedTimeoutSeconds = 1e300 }, true},
		"no start":                     {func(f *result.FollowUp) { f.StartedAt = time.Time{} }, false},
		"a start in an hour":           {func(f *result.FollowUp) { f.StartedAt = time.Now().Add(time.Hour) }, false},
		"a start by another's clock":   {func(f *result.FollowUp) { f.StartedAt = time.Now().Add(30 * time.Second) }, true},
		"a start a month ago":          {func(f *result.FollowUp) { f.StartedAt = time.Now().AddDate(0, -1, 0) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := followUp()
			c.change(f)
			m, err := newReader().ReadMessage(document.Message{FollowUp: f, Origin: fromCaller}.Body())
			if m.RequestID != "of-the-caller" || m.QueuedBy != document.HTTPAPI {
				t.Errorf("the message is for %q from %q", m.RequestID, m.QueuedBy)
			}
			if !c.ok {
				if refused := refusal(t, err); refused.Status() != http.StatusUnprocessableEntity || m.FollowUp != nil {
					t.Errorf("%v and %+v", refused, m.FollowUp)
				}
				return
			}
			if err != nil || m.FollowUp == nil || m.FollowUp.UserID != user {
				t.Errorf("%+v, error %v", m.FollowUp, err)
			}
		})
	}
}

func TestAFollowUpOfAnotherShapeIsRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"an empty object": `{}`, "a list": `[]`, "a string": `"x"`, "a number": `1`, "true": `true`,
		"sources that are a string":  `{"in_progress_sources":"oura/sleep"}`,
		"sources that are numbers":   `{"in_progress_sources":[1]}`,
		"a start that is a number":   `{"started_at":1}`,
		"a start that is a word":     `{"started_at":"now"}`,
		"looks that are a fraction":  `{"looks":0.5}`,
		"looks that are over 64 bit": `{"looks":1e30}`,
		"a status that is a string":  `{"upstream_status":"202"}`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newReader().ReadMessage(`{"follow_up":` + raw + `,"user_id":"` + user + `","request_id":"r-1"}`)
			if f := refusal(t, err); f.Text() != "follow_up is not a follow-up of this function" || m.FollowUp != nil || m.Users != nil {
				t.Errorf("%v and %+v", f, m)
			}
		})
	}
}

func TestTheAppsIDOfAFollowUpIsKeptOrLeftOut(t *testing.T) {
	for name, c := range map[string]struct{ id, want string }{
		"an app's ID":  {"app-user-7", "app-user-7"},
		"none":         {"", ""},
		"1,025 bytes":  {strings.Repeat("x", 1025), ""},
		"a line break": {"a\nb", ""},
		"two dots":     {"..", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := followUp()
			f.ClientUserID = c.id
			m, err := newReader().ReadMessage(document.Message{FollowUp: f}.Body())
			if err != nil || m.FollowUp.ClientUserID != c.want {
				t.Errorf("%.20q, error %v; want %.20q", m.FollowUp.ClientUserID, err, c.want)
			}
		})
	}
}

func TestAFollowUpElsewhereThanInAMessageIsAnUnknownKey(t *testing.T) {
	text, err := json.Marshal(followUp())
	if err != nil {
		t.Fatal(err)
	}
	alone, beside := `{"follow_up":`+string(text)+`}`, `{"user_id":"`+user+`","follow_up":`+string(text)+`}`
	want := document.Document{Users: []result.User{{ID: user}}, Timeout: 10}
	for name, read := range map[string]func(raw string) (document.Document, error){
		"a document":                     func(raw string) (document.Document, error) { return newReader().Read([]byte(raw)) },
		"a document with Svix's headers": func(raw string) (document.Document, error) { return newReader().ReadSvix([]byte(raw)) },
		"an event's detail, in a message": func(raw string) (document.Document, error) {
			m, err := newReader().ReadMessage(`{"detail-type":"x","source":"my.app","detail":` + raw + `}`)
			if m.FollowUp != nil {
				t.Errorf("it is followed up: %+v", m.FollowUp)
			}
			return m.Document, err
		},
		"an event, beside its detail, in a message": func(raw string) (document.Document, error) {
			m, err := newReader().ReadMessage(`{"detail-type":"x","source":"my.app","follow_up":` + string(text) + `,"detail":` + raw + `}`)
			if m.FollowUp != nil {
				t.Errorf("it is followed up: %+v", m.FollowUp)
			}
			return m.Document, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(alone)
			if f := refusal(t, err); !strings.Contains(f.Text(), "names no user") {
				t.Errorf("without a user: %v", f.Text())
			}
			got, err := read(beside)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("beside a user (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("null in a message", func(t *testing.T) {
		m, err := newReader().ReadMessage(`{"user_id":"` + user + `","follow_up":null}`)
		if err != nil || m.FollowUp != nil || len(m.Users) != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	})
}
