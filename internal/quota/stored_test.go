package quota

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// sourceNames returns the names of n sources as Junction gives them.
func sourceNames(n int) (names []string) {
	resources := []string{
		"profile", "activity", "sleep", "body", "workouts", "vitals/blood_pressure", "vitals/blood_oxygen", "vitals/body_temperature",
		"vitals/respiratory_rate", "vitals/mindfulness_minutes",
	}
	providers := []string{"withings", "garmin", "apple_health_kit"}
	for i := range n {
		group := i / len(resources)
		provider := providers[group%len(providers)]
		if group >= len(providers) {
			provider += fmt.Sprint(group / len(providers))
		}
		names = append(names, provider+"/"+resources[i%len(resources)])
	}
	return names
}

// refreshedWith returns the result of a refresh as the refresher completes it.
func refreshedWith(answer result.Answer) result.Result {
	out := result.From(user, answer)
	out.TimeoutSeconds, out.RequestedTimeoutSeconds, out.Attempts, out.DurationMS = 28, 90, 2, 12_345
	out.RequestID = "8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f"
	out.CompletedAt = time.Date(2026, 11, 23, 11, 59, 58, 0, time.UTC)
	return out
}

func TestACoalescedResultIsTheWholeResult(t *testing.T) {
	for name, answer := range map[string]result.Answer{
		"a 202 that names no source":   {Status: 202},
		"a 200 that names no source":   {Status: 200},
		"a 202 with refreshed sources": {Status: 202, Refreshed: []string{"withings/body"}},
		"every list has sources":       {Status: 200, Refreshed: []string{"a/x", "b/vitals/x"}, InProgress: []string{"a/y"}, Failed: []string{"a/x", "a/z"}},
		"only failed sources":          {Status: 200, Failed: []string{"oura/sleep"}},
		"names that are not in two":    {Status: 200, Refreshed: []string{"oura", "oura/", "/", "/oura", "//", "é/\u2028<"}},
		"83 sources":                   {Status: 200, Refreshed: sourceNames(83)},
		"1,000 sources":                {Status: 202, Refreshed: sourceNames(500), InProgress: sourceNames(700)[500:], Failed: sourceNames(1000)[700:]},
		"100 sources that are all alone": {Status: 202, InProgress: func() (all []string) {
			for i := range 100 {
				all = append(all, fmt.Sprintf("provider_%d/vitals/blood_pressure", i))
			}
			return all
		}()},
	} {
		t.Run(name, func(t *testing.T) {
			want := refreshedWith(answer)
			want.Explain([]result.Connection{{Provider: "a", Broken: true, Reason: "token_refresh_failed"}, {Provider: "oura", Broken: true}})
			stores(t, hour, func(t *testing.T, gate refresh.Gate, c *clock, _ time.Duration) {
				refreshed(t, gate, c, want)
				d := enterUser(t, gate, user, c.after(time.Minute))
				if d.Kind != refresh.Coalesced {
					t.Fatalf("the decision is %v, want coalesced", d.Kind)
				}
				if diff := cmp.Diff(want, d.Result, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAStoredResultIsOfARequestIfItsIDIsOne(t *testing.T) {
	for name, c := range map[string]struct{ resultOf, want string }{
		"a UUID":               {"8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f", "8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f"},
		"none":                 {"", ""},
		"not an ID":            {"\n{\"level\":\"ERROR\"}", ""},
		"longer than any ID":   {strings.Repeat("x", 65), ""},
		"as long as an ID can": {strings.Repeat("x", 64), strings.Repeat("x", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				plant(t, gate, state{result: hour.encode(success), resultAt: clock.now().UnixMilli(), resultOf: c.resultOf})
				d := enter(t, gate, clock.after(time.Minute))
				want(t, d, refresh.Coalesced)
				if d.Result.RequestID != c.want {
					t.Errorf("the request ID is %q, want %q", d.Result.RequestID, c.want)
				}
			})
		})
	}
}

func TestAStoredReasonThatIsNotAWordIsLeftOut(t *testing.T) {
	text := `{"u":"` + user + `","s":200,"n":1,"t":10,"q":10,"f":{"oura/":["sleep"],"garmin/":["sleep"]},"b":{"oura":"Call 0900-1234","fitbit":"unknown"}}`
	out, ok := decode([]byte(text), user, "r")
	want := []result.Source{{Provider: "garmin", Resource: "sleep", State: "failed"}, {Provider: "oura", Resource: "sleep", State: "failed", Reconnect: true}}
	if diff := cmp.Diff(want, out.Sources); !ok || diff != "" {
		t.Errorf("other sources (-want +got):\n%s", diff)
	}
}

func TestAnItemOfAUserWith30SourcesIsBelow1KiB(t *testing.T) {
	c := newClock()
	d, client := newDynamo(t, hour, c)
	for range 6 {
		refreshed(t, d, c, failure)
	}
	out := refreshedWith(result.Answer{Status: 202, Refreshed: sourceNames(30)[:12], InProgress: sourceNames(30)[12:20], Failed: sourceNames(30)[20:]})
	out.Explain([]result.Connection{{Provider: "apple_health_kit", Broken: true, Reason: "required_scopes_not_granted"}})
	refreshed(t, d, c, out)
	c.add(2 * time.Minute)
	if enterUser(t, d, user, c.after(time.Minute)).Lease == nil { // whose item is the largest: with eight calls, a result and a lease
		t.Fatal("not granted")
	}
	item := itemOf(t, d, client.Client)
	if len(item) == 0 || item["result"] == nil {
		t.Fatalf("the item is %v", item)
	}
	if size := itemSize(item); size >= 1024 {
		t.Fatalf("the item has %d bytes, want less than 1,024: %s", size, textOf(item["result"]))
	}
	t.Logf("%d bytes, of which the result has %d", itemSize(item), len(textOf(item["result"])))
}

// itemOf returns the user's item.
func itemOf(t testing.TB, d *Dynamo, client *aws.Client) map[string]types.AttributeValue {
	t.Helper()
	out, err := client.GetItem(context.Background(), &aws.GetItemInput{TableName: &d.name, Key: key("user#" + user)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// itemSize returns the size of an item as DynamoDB bills it, at most.
func itemSize(item map[string]types.AttributeValue) (size int) {
	var sizeOf func(types.AttributeValue) int
	sizeOf = func(value types.AttributeValue) (size int) {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			return len(v.Value)
		case *types.AttributeValueMemberB:
			return len(v.Value)
		case *types.AttributeValueMemberN:
			return len(v.Value)/2 + 2
		case *types.AttributeValueMemberL:
			size = 3
			for _, element := range v.Value {
				size += 1 + sizeOf(element)
			}
		}
		return size
	}
	for name, value := range item {
		size += len(name) + sizeOf(value)
	}
	return size
}

func TestAResultWithTooManySourcesIsCoalescedWithoutThem(t *testing.T) {
	for name, c := range map[string]struct {
		answer result.Answer
		want   result.Status
	}{
		"completed":   {result.Answer{Status: 200, Refreshed: sourceNames(40_000)}, result.Completed},
		"partial":     {result.Answer{Status: 200, Refreshed: sourceNames(40_000), Failed: []string{"oura/sleep"}}, result.Partial},
		"in progress": {result.Answer{Status: 202, InProgress: sourceNames(40_000)}, result.InProgress},
		"one name":    {result.Answer{Status: 200, Failed: []string{strings.Repeat("x", 900_000)}}, result.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			whole := refreshedWith(c.answer)
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				refreshed(t, gate, clock, whole)
				d := enterUser(t, gate, user, clock.after(time.Minute))
				if d.Kind != refresh.Coalesced {
					t.Fatalf("the decision is %v, want coalesced", d.Kind)
				}
				want := refreshedWith(result.Answer{Status: c.answer.Status})
				want.Status = c.want
				want.Truncated = true
				if diff := cmp.Diff(want, d.Result, cmpopts.IgnoreUnexported(result.Result{})); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			})
		})
	}
}
