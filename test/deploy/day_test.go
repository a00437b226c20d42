package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/awstest/sqstest"
	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/quota"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/secret"
)

var writeDay = flag.String("day", "", "write the dashboard and the metrics of the simulated day to this file")

// The simulated day: a team whose users are all refreshed at 06:00. During the day users open the app, which refreshes
// them over HTTP, and webhooks and a state machine refresh others. Junction is down for half an hour and slow for an
// hour after it, and later a faulty version of the app asks for the same users again and again. The parameters are the
// template's defaults, except for a QueueMaximumConcurrency of 2.
const (
	dayUsers      = 3000 // fewer than the quota in memory remembers
	daySchedule   = 6 * time.Hour
	dayOutage     = 12*time.Hour + 30*time.Minute
	dayOutageEnds = 13 * time.Hour
	daySlowEnds   = 14 * time.Hour
	dayLoop       = 17 * time.Hour
	dayLoopEnds   = 18 * time.Hour
	dayLoopUsers  = 40
)

// daySources are the sources of a user: most take some seconds, some of them longer than any call waits, and a few do
// not end.
func daySources(index int) []junctiontest.Source {
	random := rand.New(rand.NewPCG(uint64(index), 1))
	takes := func(median float64) time.Duration {
		return time.Duration(median * math.Exp(0.7*random.NormFloat64()) * float64(time.Second))
	}
	sources := []junctiontest.Source{
		{Name: "withings/body", Takes: takes(2)}, {Name: "oura/sleep", Takes: takes(3), Fails: random.Float64() < 0.04},
	}
	switch share := random.Float64(); {
	case share < 0.003:
		sources = append(sources, junctiontest.Source{Name: "garmin/activity", Takes: junctiontest.Never})
	case share < 0.03:
		sources = append(sources, junctiontest.Source{Name: "garmin/activity", Takes: takes(90)})
	}
	return sources
}

// dayEvent is what happens at a time of the day.
type dayEvent struct {
	at time.Duration
	do func()
}

// simulateDay runs the function's own code through the day, by the clock of synctest, and returns its metrics. size is the
// share of the team's users and requests. Requests come at the same times on each such day; the pauses before the
// function's own retries are random.
func simulateDay(t *testing.T, size float64) *cloudWatch {
	t.Helper()
	cloud := &cloudWatch{began: time.Now(), values: map[metricKey]map[int][]float64{}}
	simulator := junctiontest.New(junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(int(dayUsers*size)), junctiontest.WithGeneratedSources(daySources),
		junctiontest.WithRandomFaults(1, 0.01, junctiontest.Status(http.StatusServiceUnavailable), junctiontest.Status(http.StatusBadGateway)))
	listener := make(pipes)
	server := &http.Server{Handler: simulator, ReadHeaderTimeout: time.Hour}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()

	queue := sqstest.NewQueue(sqstest.QueueOptions{VisibilityTimeout: 9 * time.Minute, MaxReceiveCount: 5, WaitTime: 20 * time.Second})
	gate := quota.NewMemory(quota.Rules{Limit: 8, Window: time.Hour, Coalesce: time.Minute})
	lambda := &fleet{cloud: cloud, start: func() *handler.Handler { return dayInstanceOf(cloud, queue, gate, listener) }}
	gateway := &awstest.Gateway{Function: lambda.invoke, OnResponse: func(_ *http.Request, status int, began time.Time) {
		is := func(class int) float64 { return map[bool]float64{true: 1}[status/100 == class] }
		for name, value := range map[string]float64{"Count": 1, "4xx": is(4), "5xx": is(5), "Latency": float64(time.Since(began).Milliseconds())} {
			cloud.put(metricKey{"AWS/ApiGateway", name, "ApiId", "HttpApi"}, value)
		}
	}}

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_ = sqstest.EventSourceMapping{Source: queue, Function: lambda.invoke, MaxConcurrency: 2}.Run(ctx) // the options are constants
	})
	for _, event := range dayEvents(ctx, size, simulator, queue, gateway, lambda) {
		time.Sleep(time.Until(cloud.began.Add(event.at)))
		running.Go(event.do)
	}
	stop()
	running.Wait()
	return cloud
}

// dayInstanceOf is a new instance of the function, as internal/app makes it, but with the quota of all instances in this
// process instead of in DynamoDB.
func dayInstanceOf(cloud *cloudWatch, queue *sqstest.Queue, gate refresh.Gate, junctionAt pipes) *handler.Handler {
	log := slog.New(slog.DiscardHandler)
	metrics := observe.NewMetrics(cloud, "INFO")
	keys := secret.New(func(context.Context) (string, error) { metrics.SecretRead(); return junctiontest.DefaultKey, nil }, 5*time.Minute)
	client := junction.New(junction.Options{BaseURL: "http://junction.invalid", UserAgent: "junction-refresh/day", Dial: junctionAt.dial})
	refresher := refresh.New(client, keys, refresh.Options{
		Gate: gate, Headroom: 2 * time.Second, ExplainFailures: true,
		FollowUp: []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute},
	})
	return handler.New(refresher, handler.Options{
		DefaultTimeout: 10, UserIDPaths: [][]string{{"user_id"}}, Queue: queue, Bus: bus{}, Observer: metrics, Log: log,
		Admit: func(context.Context, *handler.Request) (string, error) { return "", nil },
	})
}

// dayEvents are the events of the day, in their order.
func dayEvents(ctx context.Context, size float64, simulator *junctiontest.Simulator, queue *sqstest.Queue, gateway http.Handler, lambda *fleet) []dayEvent {
	random := rand.New(rand.NewPCG(2, 2))
	anybody := func() int { return random.IntN(int(dayUsers * size)) }
	post := func(target, body string) func() {
		return func() {
			gateway.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body)))
		}
	}
	app := func(i int) func() { return post("/v2/user/refresh/"+junctiontest.GeneratedUserID(i)+"?timeout=20", "") }
	events := []dayEvent{
		{daySchedule, func() { _ = queue.Send(ctx, []handler.Message{{Body: `{"all_users":true,"timeout":30}`}}) }},
		{dayOutage, func() {
			simulator.Inject(junctiontest.Always, junctiontest.Status(http.StatusServiceUnavailable))
		}},
		{dayOutageEnds, func() {
			simulator.ClearFaults()
			simulator.Inject(junctiontest.Always, junctiontest.Latency(4*time.Second))
		}},
		{daySlowEnds, simulator.ClearFaults},
	}
	for minute := range 24 * 60 {
		events = append(events, dayEvent{time.Duration(minute+1)*time.Minute - time.Second, func() { lambda.sample(queue) }})
	}
	at := time.Duration(0)
	arrive := func(perHour float64) bool { // at the busiest hour
		at += time.Duration(random.ExpFloat64() / perHour / size * float64(time.Hour))
		return at < 24*time.Hour
	}
	// Fewest requests come at 03:00, and most at 15:00.
	awake := func() bool { return random.Float64() < 0.55-0.45*math.Cos((at.Hours()-3)/24*2*math.Pi) }
	for at = 0; arrive(900); {
		if awake() {
			i := anybody()
			events = append(events, dayEvent{at, app(i)})
			if random.Float64() < 0.15 { // opens the app again
				events = append(events, dayEvent{at + time.Duration(10+random.IntN(40))*time.Second, app(i)})
			}
		}
	}
	for at = 0; arrive(600); {
		if awake() {
			events = append(events, dayEvent{at, post("/webhooks", `{"user_id":"`+junctiontest.GeneratedUserID(anybody())+`","timeout":30}`)})
		}
	}
	for at = 0; arrive(150); {
		document := []byte(`{"user_id":"` + junctiontest.GeneratedUserID(anybody()) + `","timeout":30}`)
		events = append(events, dayEvent{at, func() { _, _ = lambda.invoke(ctx, document) }})
	}
	for i := range int(dayLoopUsers * size) {
		for at = dayLoop + time.Duration(random.IntN(180))*time.Second; at < dayLoopEnds; at += time.Duration(150+random.IntN(60)) * time.Second {
			events = append(events, dayEvent{at, app(i)})
		}
	}
	slices.SortStableFunc(events, func(a, b dayEvent) int { return cmp.Compare(a.at, b.at) })
	return events
}

// TestASimulatedDayFillsEveryGraphOfTheDashboard also writes what `make dashboard` draws.
func TestASimulatedDayFillsEveryGraphOfTheDashboard(t *testing.T) {
	t.Parallel()
	body := dashboardBody(t, byDefault())
	var cloud *cloudWatch
	size := 0.1
	if *writeDay != "" {
		size = 1
	}
	synctest.Test(t, func(t *testing.T) { cloud = simulateDay(t, size) })
	exists := func(key metricKey) bool {
		for k := range cloud.values {
			if k.Namespace == key.Namespace && k.Name == key.Name && (key.Value == "" || k.Value == key.Value) {
				return true
			}
		}
		return key.Name == "QuotaUnavailable" // the quota is in this process
	}
	for _, w := range strict[dashboard](t, body).Widgets {
		if w.Type != "metric" {
			continue
		}
		g := strict[graph](t, string(w.Properties))
		for _, s := range g.series(t) {
			if s.Expression == "" && !exists(metricKey{s.namespace, s.name, s.dimension, s.value}) {
				t.Errorf("%s: the day has no %s of %s", g.Title, s.name, s.value)
			}
			for _, search := range searches.FindAllStringSubmatch(s.Expression, -1) {
				if !exists(metricKey{Namespace: "JunctionRefresh", Name: search[1]}) {
					t.Errorf("%s: the day has no %s", g.Title, search[1])
				}
			}
		}
	}
	if *writeDay != "" {
		cloud.write(t, *writeDay, body)
	}
}

// write writes the dashboard, the metrics and the states of the alarms.
func (c *cloudWatch) write(t *testing.T, name, body string) {
	t.Helper()
	type values struct {
		metricKey
		Values map[int][]float64
	}
	day := struct {
		Dashboard json.RawMessage
		Hash      string
		Alarms    map[string]string
		Metrics   []values
	}{Dashboard: json.RawMessage(body), Hash: definitionHash(t), Alarms: map[string]string{"OutageAlarm": "OK"}}
	for id, alarm := range alarms(t) {
		if byDefault()[alarm.Condition] && alarm.Type == "AWS::CloudWatch::Alarm" {
			day.Alarms[id] = c.stateOf(t, alarm)
		}
	}
	for _, id := range outageAlarms(t) {
		if day.Alarms[id] == "ALARM" {
			day.Alarms["OutageAlarm"] = "ALARM"
		}
	}
	for key, byPeriod := range c.values {
		day.Metrics = append(day.Metrics, values{key, byPeriod})
	}
	if err := os.WriteFile(name, must(json.Marshal(day)), 0o600); err != nil {
		t.Fatal(err)
	}
}
