package quota

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

func TestAGrantedRefreshTakesTwoRoundTripsAndOthersTakeOne(t *testing.T) {
	c := newClock()
	d, table := newDynamo(t, Rules{Limit: 2, Window: time.Hour, Coalesce: time.Minute}, c)
	wantTrips := func(name string, want int64, refresh func()) {
		t.Helper()
		before := table.trips.Load()
		refresh()
		if got := table.trips.Load() - before; got != want {
			t.Errorf("%s takes %d round trips, want %d", name, got, want)
		}
	}
	wantTrips("a user's first refresh", 2, func() { refreshed(t, d, c, failure) })
	wantTrips("a later refresh", 2, func() { refreshed(t, d, c, success) })
	wantTrips("a coalesced refresh", 1, func() { refreshed(t, d, c, success) })
	wantTrips("one that accepts no stored result", 1, func() { enterAccepting(t, d, c.now(), 0) })
	c.add(2 * time.Minute)
	wantTrips("a denied refresh", 1, func() { refreshed(t, d, c, success) })
}

func TestAnUnreachableTableIsAnErrorWithin300Milliseconds(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer hangs.Close()
	throttles := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`))
	}))
	defer throttles.Close()
	for name, url := range map[string]string{"it hangs": hangs.URL, "it throttles": throttles.URL, "it refuses connections": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			awstest.SetEndpoint(t, url, "DYNAMODB")
			d := NewDynamo(hour, func() (Table, error) {
				return Client(func() (sdk.Config, error) { return config.LoadDefaultConfig(t.Context()) })()
			}, "t")
			lease := &dynamoLease{Dynamo: d, userID: user, owner: "x"}
			for method, call := range map[string]func() error{
				"Enter": func() error {
					_, err := d.Enter(t.Context(), refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute)})
					return err
				},
				"Again":  func() error { _, err := lease.Again(t.Context(), time.Now()); return err },
				"Done":   func() error { return lease.Done(t.Context(), success, nil) },
				"Settle": func() error { return d.Settle(t.Context(), ended()) },
				"State":  func() error { _, err := d.State(t.Context(), user); return err },
			} {
				began := time.Now()
				if call() == nil {
					t.Errorf("%s returns no error", method)
				}
				// Not a claim about speed: without its bound the call would wait for a hanging table for ever.
				if took := time.Since(began); took > 10*tableTimeout {
					t.Errorf("%s takes %v", method, took)
				}
			}
		})
	}
	t.Run("there is no client", func(t *testing.T) {
		d := NewDynamo(hour, func() (Table, error) { return nil, errors.New("no client") }, "t")
		if _, err := d.Enter(t.Context(), refresh.Entry{UserID: user}); err == nil {
			t.Error("Enter returns no error")
		}
		if _, err := d.State(t.Context(), user); err == nil {
			t.Error("State returns no error")
		}
	})
}

func TestWarmOpensAConnection(t *testing.T) {
	operations := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { operations <- r.Header.Get("X-Amz-Target") }))
	defer server.Close()
	client := dynamodb.Client(server.URL)
	NewDynamo(hour, func() (Table, error) { return client, nil }, "t").Warm(t.Context())
	if operation := <-operations; !strings.HasSuffix(operation, ".GetItem") {
		t.Errorf("the table is asked for %s, want a GetItem", operation)
	}
	NewDynamo(hour, func() (Table, error) { return nil, errors.New("no client") }, "t").Warm(t.Context()) // does not panic
}
