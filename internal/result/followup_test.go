package result_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const user = "1449752e-0d8a-40e0-9206-91ab099b2537"

// began is when the refresh began in these tests.
var began = time.Date(2026, 11, 23, 18, 12, 30, 700_000_000, time.UTC)

// running returns a result with a source in progress.
func running() result.Result {
	r := result.From(user, result.Answer{Status: 202, Refreshed: []string{"withings/body"}, InProgress: []string{"oura/sleep"}, Failed: []string{"fitbit/steps"}})
	r.ClientUserID, r.RequestID, r.Attempts = "app-user-7", "r-1", 2
	r.TimeoutSeconds, r.RequestedTimeoutSeconds = 30, 90
	r.StartedAt = began
	return r
}

// following returns a follow-up of the given sources.
func following(sources ...string) result.FollowUp {
	return result.FollowUp{UserID: user, InProgress: sources, TimeoutSeconds: 30, UpstreamStatus: 202, StartedAt: began}
}

func TestAResultWithRunningSourcesIsFollowedUp(t *testing.T) {
	want := &result.FollowUp{
		UserID: user, ClientUserID: "app-user-7",
		Refreshed: []string{"withings/body"}, InProgress: []string{"oura/sleep"}, Failed: []string{"fitbit/steps"},
		TimeoutSeconds: 30, RequestedTimeoutSeconds: 90, UpstreamStatus: 202, Attempts: 2, StartedAt: began,
	}
	synctest.Test(t, func(t *testing.T) {
		r := running()
		r.StartedAt = time.Now() // has a monotonic clock, which the queue does not carry
		want.StartedAt = time.Now().UTC().Round(0)
		if diff := cmp.Diff(want, r.FollowUp(), cmp.Comparer(func(a, b time.Time) bool { return a == b })); diff != "" {
			t.Errorf("the follow-up (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsNotFollowedUp(t *testing.T) {
	for name, change := range map[string]func(*result.Result){
		"a 202 that lists no source": func(r *result.Result) {
			*r = result.From(user, result.Answer{Status: 202})
			r.StartedAt = time.Now()
		},
		"a completed refresh": func(r *result.Result) {
			*r = result.From(user, result.Answer{Status: 200, Refreshed: []string{"oura/sleep"}})
			r.StartedAt = time.Now()
		},
		"a failure that names running sources": func(r *result.Result) { r.Status = result.Failed },
		"another request's refresh":            func(r *result.Result) { r.StartedAt = time.Time{} },
		"one that is in flight":                func(r *result.Result) { *r = result.FromInFlight(user) },
		"one that is queued":                   func(r *result.Result) { *r = result.FromQueued(user) },
		"one with more than 10,000 sources":    func(r *result.Result) { r.InProgressSources = numbered(10_000) },
	} {
		t.Run(name, func(t *testing.T) {
			r := running()
			r.StartedAt = time.Now()
			change(&r)
			if f := r.FollowUp(); f != nil {
				t.Errorf("it is followed up with %d looks, %d sources", f.Looks, len(f.InProgress))
			}
		})
	}
}

func TestALookFindsOutHowASourceEnded(t *testing.T) {
	const (
		still     = "still running"
		refreshed = "refreshed"
		failed    = "failed"
	)
	ok := func(provider, resource string, at time.Time) result.Attempt {
		return result.Attempt{Provider: provider, Resource: resource, Success: true, At: at}
	}
	bad := func(provider, resource string, at time.Time) result.Attempt {
		return result.Attempt{Provider: provider, Resource: resource, At: at}
	}
	second := began.Truncate(time.Second)
	for name, c := range map[string]struct {
		source   string
		attempts []result.Attempt
		want     string
	}{
		"a success":                            {"oura/sleep", []result.Attempt{ok("oura", "sleep", began.Add(time.Minute))}, refreshed},
		"a failure":                            {"oura/sleep", []result.Attempt{bad("oura", "sleep", began.Add(time.Minute))}, failed},
		"no attempt":                           {"oura/sleep", nil, still},
		"an attempt before the refresh":        {"oura/sleep", []result.Attempt{ok("oura", "sleep", began.Add(-time.Minute))}, still},
		"a failure before the refresh":         {"oura/sleep", []result.Attempt{bad("oura", "sleep", began.Add(-time.Minute))}, still},
		"an attempt when the refresh began":    {"oura/sleep", []result.Attempt{ok("oura", "sleep", began)}, refreshed},
		"an attempt in whole seconds":          {"oura/sleep", []result.Attempt{ok("oura", "sleep", second)}, refreshed},
		"one in the second before":             {"oura/sleep", []result.Attempt{ok("oura", "sleep", second.Add(-time.Nanosecond))}, still},
		"an attempt in another zone":           {"oura/sleep", []result.Attempt{ok("oura", "sleep", second.In(time.FixedZone("", -7200)))}, refreshed},
		"an attempt in the future":             {"oura/sleep", []result.Attempt{ok("oura", "sleep", began.AddDate(1, 0, 0))}, refreshed},
		"an attempt without a time":            {"oura/sleep", []result.Attempt{ok("oura", "sleep", time.Time{})}, still},
		"the last segment of a long name":      {"withings/vitals/blood_pressure", []result.Attempt{ok("withings", "blood_pressure", began)}, refreshed},
		"a middle segment of a long name":      {"withings/vitals/blood_pressure", []result.Attempt{ok("withings", "vitals", began)}, still},
		"a name with four segments":            {"a/b/c/d", []result.Attempt{bad("a", "d", began)}, failed},
		"the same resource at two providers":   {"oura/sleep", []result.Attempt{bad("fitbit", "sleep", began), ok("oura", "sleep", began)}, refreshed},
		"only at another provider":             {"oura/sleep", []result.Attempt{ok("fitbit", "sleep", began)}, still},
		"two resources of the provider":        {"oura/sleep", []result.Attempt{bad("oura", "activity", began), ok("oura", "sleep", began)}, refreshed},
		"only another resource":                {"oura/sleep", []result.Attempt{ok("oura", "activity", began)}, still},
		"a name without a slash":               {"oura", []result.Attempt{ok("oura", "sleep", began)}, still},
		"a name that ends in a slash":          {"oura/", []result.Attempt{ok("oura", "sleep", began)}, still},
		"a name that begins with a slash":      {"/sleep", []result.Attempt{ok("oura", "sleep", began)}, still},
		"names in another case":                {"Oura/sleep", []result.Attempt{ok("oura", "sleep", began)}, still},
		"an empty name":                        {"", []result.Attempt{ok("oura", "sleep", began)}, still},
		"an attempt without names, and a name": {"oura/sleep", []result.Attempt{ok("", "", began)}, still},
	} {
		t.Run(name, func(t *testing.T) {
			want := following()
			want.Looks = 1
			*map[string]*[]string{still: &want.InProgress, refreshed: &want.Refreshed, failed: &want.Failed}[c.want] = []string{c.source}
			if diff := cmp.Diff(want, following(c.source).After(c.attempts), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("after the look (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALookChangesNothingOfWhatWasKnown(t *testing.T) {
	before := following("oura/sleep", "fitbit/steps", "withings/body")
	before.Refreshed, before.Failed, before.Looks = make([]string, 1, 10), make([]string, 1, 10), 2
	before.Refreshed[0], before.Failed[0] = "a/b", "c/d"
	kept := before
	kept.InProgress = slices.Clone(before.InProgress)
	got := before.After([]result.Attempt{
		{Provider: "oura", Resource: "sleep", Success: true, At: began}, {Provider: "withings", Resource: "body", At: began},
		{Provider: "a", Resource: "b", At: began}, // it ended before
	})
	want := kept
	want.Refreshed, want.InProgress, want.Failed, want.Looks = []string{"a/b", "oura/sleep"}, []string{"fitbit/steps"}, []string{"c/d", "withings/body"}, 3
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the look (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kept, before); diff != "" {
		t.Errorf("the follow-up itself was changed (-want +got):\n%s", diff)
	}
	if extra := before.Refreshed[:2][1] + before.Failed[:2][1]; extra != "" {
		t.Errorf("%q was written behind its lists", extra)
	}
}

func TestThreeLooksFollowARefreshToItsEnd(t *testing.T) {
	f := following("oura/sleep", "oura/activity", "fitbit/sleep")
	looks := []struct {
		attempts []result.Attempt
		want     result.Status
	}{
		{nil, result.InProgress},
		{[]result.Attempt{{Provider: "oura", Resource: "sleep", Success: true, At: began}}, result.InProgress},
		{[]result.Attempt{{Provider: "oura", Resource: "activity", Success: true, At: began}, {Provider: "fitbit", Resource: "sleep", At: began}}, result.Partial},
	}
	for i, look := range looks {
		f = f.After(look.attempts)
		if out := f.Result(); out.Status != look.want || f.Looks != i+1 {
			t.Errorf("after look %d it is %s, want %s", f.Looks, out.Status, look.want)
		}
	}
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("provider_%d/vitals/resource_%d", i%100, i)
	}
	return names
}

func TestALookAt10000SourcesTakesLessThanASecond(t *testing.T) {
	f := following(numbered(10_000)...)
	attempts := make([]result.Attempt, 10_000)
	for i := range attempts {
		attempts[i] = result.Attempt{Provider: fmt.Sprintf("provider_%d", i%100), Resource: fmt.Sprintf("resource_%d", i), Success: i%2 == 0, At: began}
	}
	start := time.Now()
	f = f.After(attempts)
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if len(f.Refreshed) != 5_000 || len(f.Failed) != 5_000 || len(f.InProgress) != 0 {
		t.Errorf("%d refreshed, %d failed, %d running", len(f.Refreshed), len(f.Failed), len(f.InProgress))
	}
}

func TestOnlyWhatCanBeAFollowUpIsValid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*result.FollowUp)
		want   bool
	}{
		"a first look":                  {func(*result.FollowUp) {}, true},
		"the fifth look":                {func(f *result.FollowUp) { f.Looks = 4 }, true},
		"a sixth look":                  {func(f *result.FollowUp) { f.Looks = 5 }, false},
		"negative looks":                {func(f *result.FollowUp) { f.Looks = -1 }, false},
		"no running source":             {func(f *result.FollowUp) { f.InProgress = nil }, false},
		"10,000 sources":                {func(f *result.FollowUp) { f.InProgress = numbered(10_000) }, true},
		"10,001 sources":                {func(f *result.FollowUp) { f.InProgress = numbered(10_001) }, false},
		"10,001 sources in three lists": {func(f *result.FollowUp) { f.Refreshed, f.Failed = numbered(5_000), numbered(5_000) }, false},
		"a start now":                   {func(f *result.FollowUp) { f.StartedAt = time.Now() }, true},
		"a start in a minute":           {func(f *result.FollowUp) { f.StartedAt = time.Now().Add(time.Minute - time.Nanosecond) }, true},
		"a start after a minute":        {func(f *result.FollowUp) { f.StartedAt = time.Now().Add(time.Minute) }, false},
		"a start 14 days ago":           {func(f *result.FollowUp) { f.StartedAt = time.Now().AddDate(0, 0, -14) }, true},
		"no start":                      {func(f *result.FollowUp) { f.StartedAt = time.Time{} }, false},
		"a status of 200":               {func(f *result.FollowUp) { f.UpstreamStatus = 200 }, true},
		"a status of 201":               {func(f *result.FollowUp) { f.UpstreamStatus = 201 }, false},
		"a status of 400":               {func(f *result.FollowUp) { f.UpstreamStatus = 400 }, false},
		"no attempts":                   {func(f *result.FollowUp) { f.Attempts = 0 }, true},
		"negative attempts":             {func(f *result.FollowUp) { f.Attempts = -1 }, false},
		"no timeout":                    {func(f *result.FollowUp) { f.TimeoutSeconds = 0 }, true},
		"the shortest timeout":          {func(f *result.FollowUp) { f.TimeoutSeconds = 5 }, true},
		"a shorter timeout":             {func(f *result.FollowUp) { f.TimeoutSeconds = 4.9 }, false},
		"the longest timeout":           {func(f *result.FollowUp) { f.TimeoutSeconds = 60 }, true},
		"a longer timeout":              {func(f *result.FollowUp) { f.TimeoutSeconds = 60.1 }, false},
		"a negative timeout":            {func(f *result.FollowUp) { f.TimeoutSeconds = -5 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := following("oura/sleep")
				f.StartedAt = time.Now().Add(-time.Hour)
				c.change(&f)
				if got := f.Valid(); got != c.want {
					t.Errorf("valid %t, want %t", got, c.want)
				}
			})
		})
	}
}

func TestTheResultOfAFollowUpHasTheRefreshesOwnFields(t *testing.T) {
	for name, c := range map[string]struct {
		refreshed, running, failed []string
		want                       result.Status
		state                      string
	}{
		"all refreshed":   {[]string{"oura/sleep"}, nil, nil, result.Completed, "refreshed"},
		"one failed":      {nil, nil, []string{"oura/sleep"}, result.Partial, "failed"},
		"one not yet":     {nil, []string{"oura/sleep"}, nil, result.InProgress, "in_progress"},
		"one both":        {[]string{"oura/sleep"}, nil, []string{"oura/sleep"}, result.Partial, "failed"},
		"running, failed": {nil, []string{"oura/sleep"}, []string{"oura/sleep"}, result.InProgress, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				time.Sleep(90 * time.Second)
				got := result.FollowUp{
					UserID: user, ClientUserID: "app-user-7", Refreshed: c.refreshed, InProgress: c.running, Failed: c.failed,
					TimeoutSeconds: 30, RequestedTimeoutSeconds: 90, UpstreamStatus: 202, Attempts: 2, StartedAt: started, Looks: 3,
				}.Result()
				want := result.Result{
					SchemaVersion: 1, Success: true, Status: c.want, Final: true, UserID: user, ClientUserID: "app-user-7",
					RefreshedSources: c.refreshed, InProgressSources: c.running, FailedSources: c.failed,
					Sources:        []result.Source{{Provider: "oura", Resource: "sleep", State: c.state}},
					TimeoutSeconds: 30, RequestedTimeoutSeconds: 90, UpstreamStatus: 202, Attempts: 2, DurationMS: 90_000,
					CompletedAt: time.Now().UTC(), StartedAt: started,
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(result.Result{}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("the result (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAFollowUpsDurationIsNeverNegative(t *testing.T) {
	f := following("oura/sleep")
	f.StartedAt = time.Now().Add(30 * time.Second) // by another instance's clock
	if got := f.Result().DurationMS; got != 0 {
		t.Errorf("duration_ms is %d, want 0", got)
	}
}

func TestAFollowUpIsReadBackFromJSON(t *testing.T) {
	want := *running().FollowUp()
	want.Looks = 3
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got result.FollowUp
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it is read back wrong (-want +got):\n%s", diff)
	}
}
