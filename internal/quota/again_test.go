package quota

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// losing is a gate behind a proxy that makes the write and loses its answer, so that the SDK repeats it, as
// many times as lose says.
func losing(t *testing.T, rules Rules, c *clock) (d *Dynamo, lose *atomic.Int64) {
	t.Helper()
	d, _ = newDynamo(t, rules, c)
	target, err := url.Parse(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	lose = &atomic.Int64{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(*http.Response) error {
		if lose.Add(-1) >= 0 {
			return errors.New("lost")
		}
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	client := sdk.New(dynamodb.Client(server.URL).Options(), func(o *sdk.Options) { // repeats as soon as Client's does
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxBackoff = 50 * time.Millisecond })
	})
	d.table = func() (Table, error) { return client, nil }
	return d, lose
}

func TestAFurtherCallWhoseAnswerIsLostCountsOnce(t *testing.T) {
	for name, lost := range map[string]int64{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			d, lose := losing(t, Rules{Limit: 4, Window: time.Hour}, c)
			lease := enterUser(t, d, user, c.after(time.Minute)).Lease
			lose.Store(lost)
			if !again(t, lease, c.after(time.Minute)) {
				t.Fatal("the second call is refused")
			}
			if !again(t, lease, c.after(time.Minute)) {
				t.Fatal("the third call is refused")
			}
			if n := len(read(itemOf(t, d, dynamodb.Client(endpoint(t)))).calls); n != 3 {
				t.Errorf("three calls count as %d", n)
			}
		})
	}
}

func TestAFurtherCallThatTheRepeatedWriteFillsTheQuotaWithIsAllowed(t *testing.T) {
	c := newClock()
	d, lose := losing(t, Rules{Limit: 2, Window: time.Hour}, c)
	lease := enterUser(t, d, user, c.after(time.Minute)).Lease
	lose.Store(1)
	if !again(t, lease, c.after(time.Minute)) {
		t.Error("the call is refused because of itself")
	}
	if again(t, lease, c.after(time.Minute)) {
		t.Error("a third of two calls is allowed")
	}
}

func TestAfterACallThatTheTableDidNotConfirmNoneIsGivenBack(t *testing.T) {
	c := newClock()
	d, client := newDynamo(t, hour, c)
	lease := enterUser(t, d, user, c.after(time.Minute)).Lease
	table := d.table
	d.table = func() (Table, error) { return nil, errors.New("no table") }
	if _, err := lease.Again(t.Context(), c.after(time.Minute)); err == nil {
		t.Fatal("no error")
	}
	d.table = table
	if err := lease.Done(t.Context(), failure, []refresh.Call{refresh.Sent, refresh.NotSent}); err != nil {
		t.Fatal(err)
	}
	if n := len(read(itemOf(t, d, client.Client)).calls); n != 1 {
		t.Errorf("one call was counted and sent, and %d are left", n)
	}
}
