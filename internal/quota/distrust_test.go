package quota

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// plant makes a state the user's, as a person with access to the table can.
func plant(t testing.TB, gate refresh.Gate, s state) {
	t.Helper()
	switch g := gate.(type) {
	case *Memory:
		g.users[user] = &userState{state: s, until: time.UnixMilli(1 << 50)}
	case *Dynamo:
		item := map[string]types.AttributeValue{}
		if s.calls != nil {
			calls := &types.AttributeValueMemberL{}
			for _, at := range s.calls {
				calls.Value = append(calls.Value, number(at))
			}
			item["calls"] = calls
		}
		for name, at := range map[string]int64{"lease_until": s.leaseUntil, "closed_until": s.closedUntil, "result_at": s.resultAt} {
			if at != 0 {
				item[name] = number(at)
			}
		}
		if s.owner != "" {
			item["owner"] = text(s.owner)
		}
		if s.resultOf != "" {
			item["result_of"] = text(s.resultOf)
		}
		if s.result != nil {
			item["result"] = text(string(s.result))
		}
		plantItem(t, g, item)
	}
}

func plantItem(t testing.TB, d *Dynamo, item map[string]types.AttributeValue) {
	t.Helper()
	item = maps.Clone(item)
	maps.Copy(item, key("user#"+user))
	table, _ := d.table()
	if _, err := table.(*countingTable).PutItem(context.Background(), &aws.PutItemInput{TableName: &d.name, Item: item}); err != nil {
		t.Fatal(err)
	}
}

// times returns n calls, a second apart, the newest first.
func times(n int, newest time.Time) (ms []int64) {
	for i := range n {
		ms = append(ms, newest.Add(-time.Duration(i)*time.Second).UnixMilli())
	}
	return ms
}

func TestWhatCannotBeTrueInTheTableDoesNotCount(t *testing.T) {
	const year = 365 * 24 * time.Hour
	good := hour.encode(success)
	for name, c := range map[string]struct {
		state func(now time.Time) state
		want  refresh.Kind
	}{
		"a good result": {func(now time.Time) state { return state{result: good, resultAt: now.UnixMilli()} }, refresh.Coalesced},
		"a result half a minute ahead": {func(now time.Time) state {
			return state{result: good, resultAt: now.Add(30 * time.Second).UnixMilli()}
		}, refresh.Coalesced},
		"a result two minutes ahead": {func(now time.Time) state {
			return state{result: good, resultAt: now.Add(2 * time.Minute).UnixMilli()}
		}, refresh.Granted},
		"calls half a minute ahead": {func(now time.Time) state { return state{calls: times(8, now.Add(30*time.Second))} }, refresh.Denied},
		"calls two years ahead":     {func(now time.Time) state { return state{calls: times(8, now.Add(2*year))} }, refresh.Granted},
		"a hundred calls ahead":     {func(now time.Time) state { return state{calls: times(100, now.Add(2*year))} }, refresh.Granted},
		"calls ahead and seven real ones": {func(now time.Time) state {
			return state{calls: append(times(5, now.Add(year)), times(7, now)...)}
		}, refresh.Granted},
		"calls ahead and eight real ones": {func(now time.Time) state {
			return state{calls: append(times(5, now.Add(year)), times(8, now)...)}
		}, refresh.Denied},
		"calls before 1970": {func(time.Time) state { return state{calls: times(8, time.UnixMilli(0))} }, refresh.Granted},
		"the lease of a call": {func(now time.Time) state {
			return state{owner: "x", leaseUntil: now.Add(61500 * time.Millisecond).UnixMilli()}
		}, refresh.InFlight},
		"the lease of a call by a clock that is half a minute ahead": {func(now time.Time) state {
			return state{owner: "x", leaseUntil: now.Add(90 * time.Second).UnixMilli()}
		}, refresh.InFlight},
		"a lease longer than any call": {func(now time.Time) state { return state{owner: "x", leaseUntil: now.Add(5 * time.Minute).UnixMilli()} }, refresh.Granted},
		"a lease of ten years":         {func(now time.Time) state { return state{owner: "x", leaseUntil: now.Add(10 * year).UnixMilli()} }, refresh.Granted},
		"closed for a day":             {func(now time.Time) state { return state{closedUntil: now.Add(24 * time.Hour).UnixMilli()} }, refresh.Denied},
		"closed for ten years":         {func(now time.Time) state { return state{closedUntil: now.Add(10 * year).UnixMilli()} }, refresh.Granted},
		"everything ten years ahead": {func(now time.Time) state {
			ahead := now.Add(10 * year).UnixMilli()
			return state{calls: times(8, now.Add(10*year)), owner: "x", leaseUntil: ahead, closedUntil: ahead, result: good, resultAt: ahead}
		}, refresh.Granted},
		"a time that does not fit into a duration": {func(time.Time) state {
			return state{calls: []int64{1<<63 - 1}, leaseUntil: 1<<63 - 1, closedUntil: 1<<63 - 1, result: good, resultAt: 1<<63 - 1}
		}, refresh.Granted},
		"a time far in the past": {func(time.Time) state {
			return state{calls: []int64{-1 << 63}, leaseUntil: -1 << 63, closedUntil: -1 << 63, result: good, resultAt: -1 << 63}
		}, refresh.Granted},
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				plant(t, gate, c.state(clock.now()))
				checkDecision(t, gate, clock, c.want)
			})
		})
	}
}

func TestAStoredResultThatIsNotTheUsersDoesNotCount(t *testing.T) {
	stranger := success
	stranger.UserID = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"
	for name, text := range map[string]string{
		"another user's":         string(hour.encode(stranger)),
		"nobody's":               string(hour.encode(result.From("", result.Answer{Status: 200}))),
		"an empty object":        `{}`,
		"null":                   `null`,
		"a list":                 `[]`,
		"not JSON":               `x`,
		"empty":                  ` `,
		"without a status":       `{"u":"` + user + `","n":1,"t":10,"q":10}`,
		"of a failure":           `{"u":"` + user + `","s":500,"n":1,"t":10,"q":10}`,
		"with an unknown status": `{"u":"` + user + `","s":200,"n":1,"t":10,"q":10,"x":"done"}`,
		"with a failed status":   `{"u":"` + user + `","s":200,"n":1,"t":10,"q":10,"x":"failed"}`,
		"with a negative number": `{"u":"` + user + `","s":200,"n":-1,"t":10,"q":10}`,
		"longer than any":        `{"u":"` + user + `","s":200,"n":1,"t":10,"q":10,"f":{"a/":["` + strings.Repeat("x", maxStored) + `"]}}`,
		"at no time on earth":    `{"u":"` + user + `","s":200,"n":1,"t":10,"q":10,"c":999999999999999}`,
	} {
		t.Run(name, func(t *testing.T) {
			stores(t, hour, func(t *testing.T, gate refresh.Gate, clock *clock, _ time.Duration) {
				plant(t, gate, state{result: []byte(text), resultAt: clock.now().UnixMilli(), calls: times(7, clock.now())})
				checkDecision(t, gate, clock, refresh.Granted)
			})
		})
	}
}

func TestAttributesOfAnotherTypeLockNoUserOut(t *testing.T) {
	skipOnMoto(t)
	wrong := map[string]types.AttributeValue{
		"a text":   text("x"),
		"a number": number(7),
		"null":     &types.AttributeValueMemberNULL{Value: true},
		"a map":    &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"x": number(1)}},
		"a list":   &types.AttributeValueMemberL{Value: []types.AttributeValue{text("x"), &types.AttributeValueMemberBOOL{}, text("9999999999999")}},
		"a long list": &types.AttributeValueMemberL{Value: func() (list []types.AttributeValue) {
			for range 300 {
				list = append(list, text("x"))
			}
			return list
		}()},
	}
	for name, value := range wrong {
		t.Run(name, func(t *testing.T) {
			for _, attributes := range [][]string{
				{"calls"}, {"owner"}, {"lease_until"}, {"lease_calls"}, {"closed_until"}, {"result"}, {"result_at"}, {"result", "result_at"}, {"result_of"}, {"expires_at"},
				{"calls", "owner", "lease_until", "lease_calls", "closed_until", "result", "result_at", "result_of", "expires_at"},
			} {
				c := newClock()
				d, _ := newDynamo(t, hour, c)
				item := map[string]types.AttributeValue{}
				for _, attribute := range attributes {
					item[attribute] = value
				}
				plantItem(t, d, item)
				t.Log(attributes)
				checkDecision(t, d, c, refresh.Granted)
			}
		})
	}
}

// skipOnMoto skips a test of comparisons between values of different types, for which moto has no rules.
func skipOnMoto(t *testing.T) {
	t.Helper()
	resp, err := http.Get(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if strings.Contains(resp.Header.Get("Server"), "Werkzeug") {
		t.Skip("moto does not compare values of different types as DynamoDB does")
	}
}

// checkDecision checks the decision. If it is granted, the rules must hold from there on.
func checkDecision(t *testing.T, gate refresh.Gate, c *clock, want refresh.Kind) {
	t.Helper()
	d, err := gate.Enter(t.Context(), refresh.Entry{UserID: user, Until: c.after(time.Minute)})
	if err != nil || d.Kind != want {
		t.Fatalf("the decision is %+v (%v), want kind %d", d, err, want)
	}
	if d.Kind != refresh.Granted {
		return
	}
	if other := enterUser(t, gate, user, c.after(time.Minute)); other.Kind != refresh.InFlight {
		t.Errorf("during the lease the decision is %+v, want in flight", other)
	}
	if err := d.Lease.Done(t.Context(), success, []refresh.Call{refresh.Sent}); err != nil {
		t.Error(err)
	}
	if next := enterUser(t, gate, user, c.after(time.Minute)); next.Kind != refresh.Coalesced {
		t.Errorf("afterwards the decision is %+v, want coalesced", next)
	}
	c.add(time.Minute)
	granted := 0
	for refreshed(t, gate, c, failure) {
		granted++
	}
	if granted > 7 {
		t.Errorf("%d more calls are granted", granted)
	}
}
