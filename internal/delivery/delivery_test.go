package delivery

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness/dynamodb"
)

// remember stores an answer.
func remember(t *testing.T, m memory, id, answer string) {
	t.Helper()
	if err := m.Remember(t.Context(), id, []byte(answer)); err != nil {
		t.Fatal(err)
	}
}

// wantAnswer checks the answer to a delivery; "" is none.
func wantAnswer(t *testing.T, m memory, id, want string) {
	t.Helper()
	got, err := m.Answer(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the answer to %s is %q, want %q", id, got, want)
	}
}

func TestAnAnswerIsRememberedFor48Hours(t *testing.T) {
	stores(t, func(t *testing.T, m memory, clock *time.Time) {
		wantAnswer(t, m, "msg_1", "")
		remember(t, m, "msg_1", `{"statusCode":200,"body":"{}"}`)
		remember(t, m, "msg_1", `{"statusCode":200,"body":"{}"}`)
		*clock = clock.Add(48*time.Hour - time.Second)
		wantAnswer(t, m, "msg_1", `{"statusCode":200,"body":"{}"}`)
		wantAnswer(t, m, "msg_2", "")
		*clock = clock.Add(time.Second)
		wantAnswer(t, m, "msg_1", "")
	})
}

func TestAnAnswerThatIsTooLargeIsNotRemembered(t *testing.T) {
	stores(t, func(t *testing.T, m memory, _ *time.Time) {
		err := m.Remember(t.Context(), "msg_3", []byte(strings.Repeat("x", maxAnswer+1)))
		if !errors.Is(err, errTooLarge) {
			t.Errorf("the error is %v, want %v", err, errTooLarge)
		}
		wantAnswer(t, m, "msg_3", "")
	})
}

func TestTheOldestDeliveriesAreForgottenFirst(t *testing.T) {
	m := NewMemory()
	for i := range maxDeliveries + 10 {
		remember(t, m, fmt.Sprint(i), fmt.Sprint(i))
	}
	if n := m.answers.Len(); n != maxDeliveries {
		t.Errorf("%d answers are remembered, want %d", n, maxDeliveries)
	}
	if m.answers.Contains("9") || !m.answers.Contains("10") {
		t.Error("other deliveries than the oldest were forgotten")
	}
}

func TestAnUnreachableTableIsAnError(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer hangs.Close()
	for name, client := range map[string]func() (Table, error){
		"it hangs":           func() (Table, error) { return dynamodb.Client(hangs.URL), nil },
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
