package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/test/dynamodb"
)

// instances is how many processes a fleet has.
const instances = 4

// buildWorker builds one instance of the function with a door for tests.
var buildWorker = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "worker")
	return binary, build("go", "build", "-o", binary, "./quota/worker")
})

// startEngine starts a DynamoDB, once for all tests, and warms it until it keeps up: a Java that
// has just started answers no hundred callers within the function's 300 ms. run stops it.
var startEngine = sync.OnceValues(func() (string, error) {
	endpoint, stop, err := dynamodb.Start()
	if err != nil {
		return "", err
	}
	shared.stopEngine = stop
	const name, at, running, within = "warm", 16, 50, time.Minute
	client := dynamodb.Client(endpoint)
	if err := dynamodb.CreateTable(context.Background(), client, name); err != nil {
		return "", err
	}
	gate := quota.NewDynamo(quota.Rules{Limit: quotaLimit, Window: time.Minute}, func() (quota.Table, error) { return client, nil }, name)
	var warming sync.WaitGroup
	for range at {
		warming.Go(func() {
			for kept, began := 0, time.Now(); kept < running && time.Since(began) < within; kept++ {
				if _, err := gate.Enter(context.Background(), "user", time.Now()); err != nil {
					kept = 0
				}
			}
		})
	}
	warming.Wait()
	return endpoint, nil
})

// fleet is several processes of the function that share a table and call one simulator of Junction.
type fleet struct {
	junction *junctiontest.Simulator
	endpoint string // of DynamoDB
	table    string

	command []string // what an instance is started with
	env     map[string]string
	members [instances]*member
}

// member is one place in the fleet, whose process can be killed and started again.
type member struct {
	*fleet
	key string // its own team key, by which the simulator knows it; none where the fleet has a secret

	mu  sync.Mutex
	url string
	*process
	dead []*process
}

// newFleet starts a fleet. The simulator has no limit of its own, so that what it counts is what the
// quota let through.
func newFleet(t *testing.T, timeout time.Duration, env map[string]string, options ...junctiontest.Option) *fleet {
	t.Helper()
	f := &fleet{table: strings.ReplaceAll(t.Name(), "/", "-"), command: []string{must(t)(buildWorker()), "-timeout", timeout.String()}}
	// Moto's DynamoDB does not keep up with so many callers; every call would be made without asking.
	jars, err := filepath.Glob("../.tools/dynamodb/DynamoDBLocal-*.jar")
	if _, java := exec.LookPath("java"); err != nil || java != nil || len(jars) == 0 {
		t.Skip("DynamoDB Local is missing; with Java 17 and Maven `make test` installs it")
	}
	if f.endpoint, err = startEngine(); err != nil {
		missing(t, err.Error())
	}
	if err := dynamodb.CreateTable(t.Context(), dynamodb.Client(f.endpoint), f.table); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i := range f.members {
		f.members[i] = &member{fleet: f, key: fmt.Sprintf("sk_us_of_instance_%d", i)}
		keys = append(keys, f.members[i].key)
	}
	f.junction = junctiontest.New(append([]junctiontest.Option{junctiontest.WithLimit(0, 0), junctiontest.WithKeys(keys...)}, options...)...)
	server, err := f.junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	f.env = map[string]string{
		"JUNCTION_BASE_URL": server.URL(), "CALLER_AUTH": "none", "QUOTA_TABLE": f.table, "AWS_ENDPOINT_URL_DYNAMODB": f.endpoint,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": region,
	}
	maps.Copy(f.env, env)
	for _, m := range f.members {
		if err := m.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.kill() })
		m.invoke(`{"user_id":"` + junctiontest.UnknownUserID + `"}`) // its first connections
	}
	f.junction.Reset()
	return f
}

// start starts the member's process and waits until it listens.
func (m *member) start() error {
	env := list(m.env)
	if m.env["JUNCTION_SECRET_ID"] == "" {
		env = append(env, "JUNCTION_API_KEY="+m.key)
	}
	p, err := start(env, m.command[0], m.command[1:]...)
	if err != nil {
		return err
	}
	err = p.until("listens", func() bool { return strings.HasSuffix(p.stdout.String(), "\n") })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process, m.url = p, strings.TrimSpace(p.stdout.String())
	return err
}

// kill ends the member's process at once, as kill -9 does, and with no word to anybody.
func (m *member) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
		<-m.ended
		m.dead = append(m.dead, m.process)
		m.process, m.url = nil, ""
	}
}

// invoke sends an event to the member's process. ok is false where that was killed meanwhile.
func (m *member) invoke(event string) (answer []byte, ok bool) {
	m.mu.Lock()
	url := m.url
	m.mu.Unlock()
	if url == "" {
		return nil, false
	}
	resp, err := fleetClient.Post(url, "application/json", strings.NewReader(event))
	if err != nil {
		return nil, false
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	return answer, err == nil
}

var fleetClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// logLine is what the tests need of a log line.
type logLine struct {
	Time       time.Time
	Msg        string
	UserID     string `json:"user_id"`
	ErrorCode  string `json:"error_code"`
	QuotaError string `json:"quota_error"`
}

// logged are the log lines that any process wrote that ever was.
func (f *fleet) logged() []logLine {
	var lines []logLine
	for _, m := range f.members {
		m.mu.Lock()
		processes := append([]*process{m.process}, m.dead...)
		m.mu.Unlock()
		for _, p := range processes {
			if p == nil {
				continue
			}
			for text := range bytes.Lines([]byte(p.stderr.String())) {
				var line logLine
				if json.Unmarshal(text, &line) == nil {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}

// ungated are the times at which refreshes were logged in which the table could not be asked within its
// 300 ms. Their calls were made all the same, as they should be, and are no fault of the quota's: a
// machine that is busy with other things has some.
func (f *fleet) ungated() []time.Time {
	var at []time.Time
	for _, line := range f.logged() {
		if line.QuotaError != "" {
			at = append(at, line.Time)
		}
	}
	return at
}

// forgotten counts the deliveries that the table could not be asked for, or told of, in time.
func (f *fleet) forgotten() int {
	n := 0
	for _, line := range f.logged() {
		if strings.Contains(line.Msg, "delivery") {
			n++
		}
	}
	return n
}

// calls are the times at which the simulator was called, in their order.
func (f *fleet) calls() []time.Time {
	var at []time.Time
	for _, r := range f.junction.Requests() {
		at = append(at, r.At)
	}
	return at
}

// lasting is how long a test of the quota lasts: longer under `make soak`.
func lasting(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("JUNCTION_REFRESH_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("JUNCTION_REFRESH_SOAK: %v", err)
		}
		return d
	}
	return 15 * time.Second
}

// wait waits, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
