package deploy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// period has what CloudWatch has of one period of an incident, by metric; what is missing has no data.
type period map[string]float64

// fires reports whether an alarm fires in an incident, by CloudWatch's rules for periods without data: they do not count
// as breaching, which every alarm of the template sets (TreatMissingData).
func fires(t *testing.T, alarm resource, incident []period) bool {
	t.Helper()
	p := alarm.Properties
	if p["TreatMissingData"] != "notBreaching" || p["ComparisonOperator"] != "GreaterThanThreshold" {
		t.Fatalf("this evaluator does not know %v and %v", p["TreatMissingData"], p["ComparisonOperator"])
	}
	evaluated := int(p["EvaluationPeriods"].(float64))
	needed := evaluated
	if m, found := p["DatapointsToAlarm"].(float64); found {
		needed = int(m)
	}
	metrics, expression := metricsOf(t, alarm)
	breaching := 0
	for _, now := range incident[max(0, len(incident)-evaluated):] {
		value := math.NaN()
		if expression == "" {
			if v, found := now[nameOf(metrics[0])]; found {
				value = v
			}
		} else {
			known := map[string]float64{}
			for _, m := range metrics {
				if v, found := now[nameOf(m)]; found {
					known[m.id] = v
				}
			}
			parsed, err := parser.ParseExpr(strings.ReplaceAll(expression, "${Timeout}", "90"))
			if err != nil {
				t.Fatal(err)
			}
			value = evaluate(t, parsed, known)
		}
		if value > p["Threshold"].(float64) { // never if it is not a number
			breaching++
		}
	}
	return breaching >= needed
}

// nameOf names a metric as the incidents do: with the name of its queue, or as that of the new version, because several
// have the same metric.
func nameOf(m metric) string {
	if strings.Contains(text(m.dimensions), "QueueName") {
		return strings.Split(text(m.dimensions[0].(map[string]any)["Value"]), `"`)[3] + "." + m.name
	}
	for _, dimension := range []string{"FunctionVersion", "ExecutedVersion"} {
		if strings.Contains(text(m.dimensions), dimension) {
			return "NewVersion." + m.name
		}
	}
	return m.name
}

// evaluate evaluates the part of CloudWatch's metric math that the template uses. Its syntax is also Go's. A value that
// is not a number stands for missing data.
func evaluate(t *testing.T, e ast.Expr, known map[string]float64) float64 {
	t.Helper()
	switch e := e.(type) {
	case *ast.ParenExpr:
		return evaluate(t, e.X, known)
	case *ast.BasicLit:
		return must(strconv.ParseFloat(e.Value, 64))
	case *ast.Ident:
		if v, found := known[e.Name]; found {
			return v
		}
		return math.NaN()
	case *ast.BinaryExpr:
		x, y := evaluate(t, e.X, known), evaluate(t, e.Y, known)
		switch e.Op {
		case token.ADD:
			return x + y
		case token.SUB:
			return x - y
		case token.MUL:
			return x * y
		case token.QUO:
			if y == 0 {
				return math.NaN()
			}
			return x / y
		case token.GEQ:
			if x >= y {
				return 1
			}
			return 0
		}
	case *ast.CallExpr:
		arguments := make([]float64, len(e.Args))
		for i, argument := range e.Args {
			arguments[i] = evaluate(t, argument, known)
		}
		switch function := e.Fun.(*ast.Ident).Name; {
		case function == "FILL" && math.IsNaN(arguments[0]):
			return arguments[1]
		case function == "FILL":
			return arguments[0]
		case function == "IF" && arguments[0] != 0:
			return arguments[1]
		case function == "IF":
			return arguments[2]
		}
	}
	t.Fatal(fmt.Errorf("metric math that this evaluator does not know: %T", e))
	return 0
}

// lasting is three periods of the same load.
func lasting(p period) []period { return []period{p, p, p} }

// incidents have the alarms that they fire, besides OutageAlarm, which fires with its own.
var incidents = map[string]struct {
	incident []period
	want     []string
}{
	"nothing happens":              {lasting(period{}), nil},
	"all is well":                  {lasting(period{"Refreshes": 500, "Count": 300, "Duration": 62_000, "Settled": 40, "Unsettled": 2}), nil},
	"one failure of one":           {lasting(period{"Refreshes": 1, "Failed": 1}), nil},
	"a few failures of many":       {lasting(period{"Refreshes": 500, "Failed": 40, "Errors": 3, "Count": 300, "5xx": 12}), nil},
	"a bad five minutes":           {[]period{{}, {"Refreshes": 20, "Failed": 20}, {"Refreshes": 20, "Failed": 1}}, nil},
	"a Junction outage":            {lasting(period{"Refreshes": 50, "Failed": 50}), []string{"FailureRateAlarm"}},
	"the same over HTTP":           {lasting(period{"Refreshes": 50, "Failed": 50, "Count": 50, "5xx": 50}), []string{"FailureRateAlarm", "HttpApiServerErrorAlarm"}},
	"a revoked key, and one user":  {[]period{{"Refreshes": 1, "Failed": 1, "Unauthorized": 1}}, []string{"UnauthorizedAlarm"}},
	"an unreadable secret":         {lasting(period{"Refreshes": 50, "SecretUnavailable": 5}), []string{"SecretUnavailableAlarm"}},
	"one lost read of the secret":  {[]period{{}, {}, {"Refreshes": 50, "SecretUnavailable": 1}}, nil},
	"no table":                     {lasting(period{"Refreshes": 50, "QuotaUnavailable": 50}), []string{"QuotaUnavailableAlarm"}},
	"no table for a moment":        {[]period{{}, {"Refreshes": 50, "QuotaUnavailable": 3}, {"Refreshes": 50}}, nil},
	"a throttled table":            {lasting(period{"Refreshes": 50, "WriteThrottleEvents": 9}), []string{"QuotaTableThrottledAlarm"}},
	"crashes":                      {lasting(period{"Errors": 20}), []string{"FunctionErrorsAlarm"}},
	"no concurrency":               {lasting(period{"Throttles": 3}), []string{"FunctionThrottlesAlarm"}},
	"invocations near the timeout": {lasting(period{"Duration": 88_000}), []string{"FunctionDurationAlarm"}},
	"one slow invocation":          {[]period{{}, {"Duration": 88_000}, {"Duration": 20_000}}, nil},
	"a user in a loop":             {lasting(period{"Refreshes": 50, "Failed": 42, "RateLimited": 42}), []string{"RateLimitedAlarm"}},
	"a slow provider":              {lasting(period{"Refreshes": 50, "Unsettled": 12}), []string{"UnsettledAlarm"}},
	"asynchronous failures":        {[]period{{"AsyncEventsDropped": 1}}, []string{"AsyncEventsDroppedAlarm"}},
	"lost invocations":             {[]period{{"DestinationDeliveryFailures": 1}}, []string{"DestinationDeliveryAlarm"}},
	"a queue that is not read":     {[]period{{"RefreshQueue.ApproximateAgeOfOldestMessage": 22_000}}, []string{"RefreshQueueAgeAlarm"}},
	"five hours of rate limits":    {[]period{{"RefreshQueue.ApproximateAgeOfOldestMessage": 18_000}}, nil},
	"a dead letter":                {[]period{{"RefreshDeadLetterQueue.ApproximateNumberOfMessagesVisible": 1}}, []string{"RefreshDeadLetterAlarm"}},
	"a dead invocation":            {[]period{{"DeadLetterQueue.ApproximateNumberOfMessagesVisible": 1}}, []string{"DeadLetterAlarm"}},
	"a dead result":                {[]period{{"ResultWebhookDeadLetterQueue.ApproximateNumberOfMessagesVisible": 1}}, []string{"ResultWebhookDeadLetterAlarm"}},
	"events that are not queued":   {[]period{{"FailedInvocations": 1}}, []string{"RuleDeliveryAlarm"}},
	"a lost event":                 {[]period{{"InvocationsFailedToBeSentToDlq": 1}}, []string{"RuleDeliveryAlarm"}},
	"a sender with an old token":   {lasting(period{"Count": 60, "HttpApiRefused": 60}), []string{"HttpApiRefusedAlarm"}},
	"somebody tries a few times":   {lasting(period{"Count": 20, "HttpApiRefused": 20}), nil},
	"a new version that crashes":   {lasting(period{"NewVersion.Invocations": 3, "NewVersion.Errors": 3}), []string{"NewVersionErrorsAlarm"}},
	"a new version that fails":     {lasting(period{"NewVersion.Refreshes": 5, "NewVersion.Failed": 5}), []string{"NewVersionFailuresAlarm"}},
	"a new version with one bad user": {lasting(period{
		"NewVersion.Invocations": 2, "NewVersion.Refreshes": 2, "NewVersion.Failed": 2}), nil},
	"a new version in a rush": {lasting(period{"NewVersion.Refreshes": 9, "NewVersion.Failed": 9, "NewVersion.RateLimited": 8}), nil},
	"too many requests":       {lasting(period{"Count": 9000, "HttpApiThrottled": 100}), []string{"HttpApiThrottledAlarm"}},
}

func TestEachAlarmFiresForItsOwnIncident(t *testing.T) {
	t.Parallel()
	for name, c := range incidents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for id, alarm := range alarms(t) {
				if alarm.Type == "AWS::CloudWatch::Alarm" && fires(t, alarm, c.incident) {
					got = append(got, id)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("other alarms fire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryAlarmHasAnIncident(t *testing.T) {
	t.Parallel()
	fired := map[string]bool{}
	for _, c := range incidents {
		for _, id := range c.want {
			fired[id] = true
		}
	}
	for id, alarm := range alarms(t) {
		if alarm.Type == "AWS::CloudWatch::Alarm" && !fired[id] {
			t.Errorf("no incident fires %s", id)
		}
	}
}
