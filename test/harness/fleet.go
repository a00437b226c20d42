package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// Instances is the number of workers in a fleet.
const Instances = 4

// Fleet is several workers that share a table in DynamoDB and call one simulator of Junction.
type Fleet struct {
	Junction *junctiontest.Simulator
	Endpoint string // of DynamoDB
	Table    string
	Members  [Instances]*Worker
}

// MemberKey is the team key of a member without a secret, by which the simulator knows it.
func MemberKey(member int) string { return fmt.Sprintf("sk_us_of_instance_%d", member) }

// NewFleet starts a fleet. The simulator has no rate limit, so that it counts what the quota lets through.
func NewFleet(t *testing.T, timeout time.Duration, env map[string]string, options ...junctiontest.Option) *Fleet {
	t.Helper()
	table := newTable(t)
	f := &Fleet{Table: table["QUOTA_TABLE"], Endpoint: table["AWS_ENDPOINT_URL_DYNAMODB"]}
	var keys []string
	for i := range f.Members {
		keys = append(keys, MemberKey(i))
	}
	var url string
	f.Junction, url = NewSimulator(t, append([]junctiontest.Option{junctiontest.WithKeys(keys...)}, options...)...)
	for i := range f.Members {
		f.Members[i] = NewWorker(t, timeout, f.environ(i, url, env))
		if err := f.Members[i].Start(); err != nil {
			t.Fatal(err)
		}
		f.Members[i].Invoke(`{"user_id":"` + junctiontest.UnknownUserID + `"}`) // opens its first connections
	}
	f.Junction.Reset()
	return f
}

func (f *Fleet) environ(member int, junction string, more map[string]string) map[string]string {
	env := map[string]string{"JUNCTION_BASE_URL": junction, "QUOTA_TABLE": f.Table, "AWS_ENDPOINT_URL_DYNAMODB": f.Endpoint}
	maps.Copy(env, more)
	if env["JUNCTION_SECRET_ID"] == "" {
		env["JUNCTION_API_KEY"] = MemberKey(member)
	}
	return env
}

// LogLine has the fields of a log line that tests look at.
type LogLine struct {
	Time       time.Time
	Msg        string
	UserID     string `json:"user_id"`
	ErrorCode  string `json:"error_code"`
	QuotaError string `json:"quota_error"`
	Attempts   int
}

// Logged returns the log lines of all processes that any member ever had.
func (f *Fleet) Logged() []LogLine {
	var lines []LogLine
	for _, m := range f.Members {
		for text := range strings.Lines(m.Log()) {
			var line LogLine
			if json.Unmarshal([]byte(text), &line) == nil {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// Ungated returns a time for each call that was made although the table did not answer within its 300 ms: when its
// refresh was logged. Such calls are made as documented, so they do not count against the quota: a busy machine has some.
func (f *Fleet) Ungated() []time.Time {
	var at []time.Time
	for _, line := range f.Logged() {
		if line.QuotaError != "" {
			at = append(at, slices.Repeat([]time.Time{line.Time}, line.Attempts)...)
		}
	}
	return at
}

// FailedDeliveryLookups counts the deliveries that could not be looked up, or stored, in time.
func (f *Fleet) FailedDeliveryLookups() int {
	lines := f.Logged()
	return len(slices.DeleteFunc(lines, func(l LogLine) bool { return !strings.Contains(l.Msg, "delivery") }))
}

// Calls returns when the simulator was called, in order.
func (f *Fleet) Calls() []time.Time {
	var at []time.Time
	for _, r := range f.Junction.Requests() {
		at = append(at, r.At)
	}
	return at
}
