package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// engine is the DynamoDB of this test process, started when it is first needed.
var engine struct {
	sync.Once
	client *aws.Client
	stop   func()
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if engine.stop != nil {
		engine.stop()
	}
	os.Exit(code)
}

// newDynamo returns a memory in a table of its own.
func newDynamo(t *testing.T) *Dynamo {
	t.Helper()
	engine.Do(func() {
		var endpoint string
		if endpoint, engine.stop, engine.err = dynamodb.Start(); engine.err == nil {
			engine.client = dynamodb.Client(endpoint)
			engine.err = dynamodb.CreateTable(context.Background(), engine.client, "deliveries")
		}
	})
	if engine.err != nil {
		if os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" {
			t.Fatal(engine.err)
		}
		t.Skip(engine.err, "; `make test` installs one")
	}
	d := NewDynamo(func() (Table, error) { return engine.client, nil }, "deliveries")
	d.readTimeout, d.writeTimeout = 10*time.Second, 10*time.Second // a busy machine is not an unreachable table
	return d
}

type deliveries interface {
	Answer(context.Context, string) ([]byte, error)
	Remember(context.Context, string, []byte) error
}

// stores runs a test with each store, and with a clock that it can move.
func stores(t *testing.T, test func(t *testing.T, d deliveries, clock *time.Time)) {
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	t.Run("memory", func(t *testing.T) {
		m, clock := NewMemory(), clock
		m.now = func() time.Time { return clock }
		test(t, m, &clock)
	})
	t.Run("DynamoDB", func(t *testing.T) {
		d, clock := newDynamo(t), clock
		d.now = func() time.Time { return clock }
		test(t, d, &clock)
	})
}

func TestAnAnswerIsRememberedFor48Hours(t *testing.T) {
	stores(t, func(t *testing.T, d deliveries, clock *time.Time) {
		expect := func(id, want string) {
			t.Helper()
			if got, err := d.Answer(t.Context(), id); err != nil || string(got) != want {
				t.Errorf("the answer to %s is %q (%v), want %q", id, got, err, want)
			}
		}
		expect("msg_1", "")
		for range 2 {
			if err := d.Remember(t.Context(), "msg_1", []byte(`{"statusCode":200,"body":"{}"}`)); err != nil {
				t.Fatal(err)
			}
		}
		*clock = clock.Add(48*time.Hour - time.Second)
		expect("msg_1", `{"statusCode":200,"body":"{}"}`)
		expect("msg_2", "")
		*clock = clock.Add(time.Second)
		expect("msg_1", "")
	})
}

func TestAnAnswerThatIsTooLargeIsNotRemembered(t *testing.T) {
	stores(t, func(t *testing.T, d deliveries, _ *time.Time) {
		if err := d.Remember(t.Context(), "msg_3", []byte(strings.Repeat("x", maxAnswer+1))); !errors.Is(err, errTooLarge) {
			t.Errorf("the error is %v", err)
		}
		if got, err := d.Answer(t.Context(), "msg_3"); got != nil || err != nil {
			t.Errorf("%d bytes are remembered (%v)", len(got), err)
		}
	})
}

func TestTheMemoryOfAnInstanceIsBounded(t *testing.T) {
	m := NewMemory()
	for i := range maxDeliveries + 10 {
		_ = m.Remember(t.Context(), fmt.Sprint(i), nil)
	}
	if n := m.answers.Len(); n != maxDeliveries {
		t.Errorf("%d deliveries are remembered", n)
	}
	if m.answers.Contains(hash("9")) {
		t.Error("the oldest deliveries were not forgotten first")
	}
}

func TestATableThatCannotBeReachedIsAnError(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hang.Close()
	for name, client := range map[string]func() (Table, error){
		"it hangs":           func() (Table, error) { return dynamodb.Client(hang.URL), nil },
		"there is no client": func() (Table, error) { return nil, errors.New("no client") },
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDynamo(client, "t")
			if _, err := d.Answer(t.Context(), "msg_1"); err == nil {
				t.Error("Answer returns no error")
			}
			if err := d.Remember(t.Context(), "msg_1", nil); err == nil {
				t.Error("Remember returns no error")
			}
		})
	}
}
