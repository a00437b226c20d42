package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metric is one metric that an alarm watches.
type metric struct {
	id         string // in the expression; "" without one
	namespace  any
	name       string
	statistic  string
	dimensions []any
}

// metricsOf returns the metrics of an alarm, and the expression over them, if there is one.
func metricsOf(t *testing.T, alarm resource) (metrics []metric, expression string) {
	t.Helper()
	p := alarm.Properties
	if _, found := p["Metrics"]; !found {
		dimensions, _ := p["Dimensions"].([]any)
		return []metric{{namespace: p["Namespace"], name: p["MetricName"].(string), statistic: p["Statistic"].(string), dimensions: dimensions}}, ""
	}
	for _, entry := range p["Metrics"].([]any) {
		query := entry.(map[string]any)
		stat, found := query["MetricStat"].(map[string]any)
		if !found {
			switch e := query["Expression"].(type) {
			case string:
				expression = e
			case map[string]any:
				expression = e["Fn::Sub"].(string)
			}
			continue
		}
		m := stat["Metric"].(map[string]any)
		dimensions, _ := m["Dimensions"].([]any)
		metrics = append(metrics, metric{
			id: query["Id"].(string), namespace: m["Namespace"], name: m["MetricName"].(string), statistic: stat["Stat"].(string), dimensions: dimensions,
		})
	}
	return metrics, expression
}

// alarms returns the resources of the template that are alarms.
func alarms(t *testing.T) map[string]resource {
	t.Helper()
	found := maps.Clone(readTemplate(t, "template.yaml").Deployed.Resources)
	maps.DeleteFunc(found, func(_ string, r resource) bool {
		return !strings.HasPrefix(r.Type, "AWS::CloudWatch::") || !strings.HasSuffix(r.Type, "Alarm")
	})
	if len(found) < 20 {
		t.Fatalf("there are only %d alarms", len(found))
	}
	return found
}

// runbook returns docs/runbook.md.
func runbook() string { return string(must(os.ReadFile(filepath.Join(root, "docs", "runbook.md")))) }

// outageAlarms returns the alarms for which OutageAlarm notifies.
func outageAlarms(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, found := range regexp.MustCompile(`ALARM\(\\"\$\{(\w+)\}\\"\)`).FindAllStringSubmatch(text(alarms(t)["OutageAlarm"].Properties["AlarmRule"]), -1) {
		names = append(names, found[1])
	}
	return names
}

func TestEveryAlarmHasASectionOfTheRunbook(t *testing.T) {
	t.Parallel()
	page := runbook()
	for id, alarm := range alarms(t) {
		description, _ := alarm.Properties["AlarmDescription"].(string)
		if want := ". See docs/runbook.md#" + strings.ToLower(id) + "."; !strings.HasSuffix(description, want) || strings.Count(description, ". ") != 1 {
			t.Errorf("%s is described as %q, want one sentence and %q", id, description, want)
		}
		if !strings.Contains(page, "\n### "+id+"\n") {
			t.Errorf("docs/runbook.md has no section %s", id)
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^### (\w+Alarm)$`).FindAllStringSubmatch(page, -1) {
		if alarms(t)[found[1]].Type == "" {
			t.Errorf("docs/runbook.md has a section %s, which is no alarm", found[1])
		}
	}
}

func TestEachAlarmNotifiesOnceByItselfOrThroughOutageAlarm(t *testing.T) {
	t.Parallel()
	want := any(map[string]any{"Fn::If": []any{"HasAlarmTopic", []any{map[string]any{"Ref": "AlarmTopicArn"}}, map[string]any{"Fn::If": []any{
		"HasOwnAlarmTopic", []any{map[string]any{"Ref": "AlarmTopic"}}, map[string]any{"Ref": "AWS::NoValue"},
	}}}})
	outage := outageAlarms(t)
	for id, alarm := range alarms(t) {
		for _, property := range []string{"AlarmActions", "OKActions"} {
			if slices.Contains(outage, id) {
				if alarm.Properties[property] != nil {
					t.Errorf("%s has %s, and so has OutageAlarm", id, property)
				}
			} else if diff := cmp.Diff(want, alarm.Properties[property]); diff != "" {
				t.Errorf("%s: %s", id, diff)
			}
		}
	}
	for _, id := range outage {
		if alarms(t)[id].Type != "AWS::CloudWatch::Alarm" {
			t.Errorf("OutageAlarm refers to %s, which is no alarm", id)
		}
	}
}

// implied has the conditions that hold if a condition of an alarm holds.
var implied = map[string][]string{
	"HasAlarms":             {"", "HasAlarms"},
	"HasHttpApiAlarms":      {"", "HasAlarms", "HasHttpApi", "HasHttpApiAlarms"},
	"HasResultWebhookAlarm": {"", "HasAlarms", "HasResultWebhook", "HasResultWebhookAlarm"},
	"HasShifting":           {"", "HasShifting"}, // which needs CreateAlarms by a rule
}

// keys returns the names of a metric's dimensions, after the property that has them.
func keys(dimensions any, property string) (names string) {
	list, _ := dimensions.([]any)
	for _, dimension := range list {
		names += "/" + dimension.(map[string]any)[property].(string)
	}
	return names
}

func TestEveryAlarmWatchesAMetricOfThisStack(t *testing.T) {
	t.Parallel()
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	ownNamespace := text(map[string]any{"Fn::Sub": "JunctionRefresh/${AWS::StackName}"})
	services := map[string]struct {
		dimension, of string
		metrics       []string
	}{
		`"AWS/SQS"`: {"QueueName", "AWS::SQS::Queue", []string{"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}},
		`"AWS/Lambda"`: {"FunctionName", "AWS::Lambda::Function", []string{
			"Invocations", "Errors", "Throttles", "Duration", "AsyncEventsDropped", "DestinationDeliveryFailures"}},
		`"AWS/ApiGateway"`: {"ApiId", "AWS::ApiGatewayV2::Api", []string{"Count", "5xx"}},
		`"AWS/DynamoDB"`:   {"TableName", "AWS::DynamoDB::Table", []string{"ReadThrottleEvents", "WriteThrottleEvents"}},
		`"AWS/Events"`:     {"RuleName", "AWS::Events::Rule", []string{"FailedInvocations", "InvocationsFailedToBeSentToDlq"}},
	}
	filters := map[string]resource{}
	for _, r := range resources {
		if r.Type == "AWS::Logs::MetricFilter" {
			transformation := r.Properties["MetricTransformations"].([]any)[0].(map[string]any)
			if text(transformation["MetricNamespace"]) != ownNamespace {
				t.Errorf("a filter writes to the namespace %s", text(transformation["MetricNamespace"]))
			}
			filters[transformation["MetricName"].(string)+keys(transformation["Dimensions"], "Key")] = r
		}
	}
	watched := map[string]bool{}
	for id, alarm := range alarms(t) {
		if alarm.Type == "AWS::CloudWatch::CompositeAlarm" {
			continue
		}
		if implied[alarm.Condition] == nil {
			t.Fatalf("%s has the condition %q, which CreateAlarms does not turn off", id, alarm.Condition)
		}
		metrics, expression := metricsOf(t, alarm)
		if len(metrics) > 10 {
			t.Errorf("%s refers to %d metrics, and CloudWatch allows 10", id, len(metrics))
		}
		for _, m := range metrics {
			if m.id != "" && !regexp.MustCompile(`\b`+m.id+`\b`).MatchString(expression) {
				t.Errorf("%s does not use %s in %s", id, m.id, expression)
			}
			if text(m.namespace) == ownNamespace {
				name := m.name + keys(m.dimensions, "Name")
				watched[name] = true
				if filter, found := filters[name]; !found || !slices.Contains(implied[alarm.Condition], filter.Condition) {
					t.Errorf("%s: no filter of its condition writes %s", id, m.name)
				}
				continue
			}
			service, found := services[text(m.namespace)]
			if !found || !slices.Contains(service.metrics, m.name) || len(m.dimensions) == 0 {
				t.Errorf("%s watches %s of %s, with the dimensions %s", id, m.name, text(m.namespace), text(m.dimensions))
				continue
			}
			dimension := m.dimensions[0].(map[string]any)
			of := ""
			for name, r := range resources {
				identifies := slices.Contains([]string{text(map[string]any{"Ref": name}), text(map[string]any{"Fn::GetAtt": []any{name, "QueueName"}})}, text(dimension["Value"])) ||
					service.dimension == "RuleName" && text(r.Properties["Name"]) == text(dimension["Value"])
				if r.Type == service.of && identifies && slices.Contains(implied[alarm.Condition], r.Condition) {
					of = name
				}
			}
			if dimension["Name"] != service.dimension || of == "" {
				t.Errorf("%s watches %s, which is no %s of its condition", id, text(dimension), service.of)
			}
		}
	}
	for name := range filters {
		if !watched[name] {
			t.Errorf("no alarm watches %s, which is billed", name)
		}
	}
}

func TestTheMetricsOfTheAlarmsAreWhatTheFunctionLogs(t *testing.T) {
	t.Parallel()
	counts := string(must(os.ReadFile(filepath.Join(root, "internal", "observe", "emf.go"))))
	counts = regexp.MustCompile(`(?s)countNames = .*?\n}`).FindString(counts)
	table := string(must(os.ReadFile(filepath.Join(root, "docs", "metrics.md"))))
	codes := string(must(os.ReadFile(filepath.Join(root, "internal", "result", "code.go"))))
	filters := 0
	for id, r := range readTemplate(t, "template.yaml").Deployed.Resources {
		if r.Type != "AWS::Logs::MetricFilter" {
			continue
		}
		filters++
		transformation := r.Properties["MetricTransformations"].([]any)[0].(map[string]any)
		pattern, name, group := r.Properties["FilterPattern"].(string), transformation["MetricName"].(string), text(r.Properties["LogGroupName"])
		code := regexp.MustCompile(`^\{ \$\.error_code = "(\w+)" \}$`).FindStringSubmatch(pattern)
		switch {
		case group == `{"Ref":"HttpApiLogGroup"}`:
			format := text(readTemplate(t, "template.yaml").Deployed.Resources["HttpApiApiGatewayDefaultStage"].Properties["AccessLogSettings"])
			for _, field := range regexp.MustCompile(`\$\.(\w+)`).FindAllStringSubmatch(pattern, -1) {
				if !strings.Contains(format, `\"`+field[1]+`\":`) {
					t.Errorf("%s looks for %s, which the access log does not have", id, field[1])
				}
			}
		case group != `{"Ref":"RefreshLogGroup"}`:
			t.Errorf("%s reads %s", id, group)
		case code != nil:
			if !strings.Contains(codes, `Code = "`+code[1]+`"`) {
				t.Errorf("%s counts %s, which is no code", id, code[1])
			}
		default:
			if pattern != "{ $."+name+" > 0 }" || transformation["MetricValue"] != "$."+name {
				t.Errorf("%s adds up %v of the lines with %s as %s", id, transformation["MetricValue"], pattern, name)
			}
			if !strings.Contains(counts, `"`+name+`"`) || !strings.Contains(table, "| `"+name+"` | Count |") {
				t.Errorf("%s adds up %s, which the function does not count", id, name)
			}
		}
	}
	if filters == 0 {
		t.Error("there is no metric filter")
	}
}

func TestScaleCountsTheAlarmsOfTheTemplate(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	for _, r := range readTemplate(t, "template.yaml").Deployed.Resources {
		switch {
		case strings.HasPrefix(r.Condition, "HasResultWebhook"), r.Condition == "HasShifting": // not by default
		case r.Type == "AWS::CloudWatch::Alarm":
			metrics, _ := metricsOf(t, r)
			got["watchedMetrics"] += len(metrics)
		case r.Type == "AWS::CloudWatch::CompositeAlarm":
			got["compositeAlarms"]++
		case r.Type == "AWS::CloudWatch::Dashboard":
			got["dashboards"]++
		case r.Type == "AWS::Logs::MetricFilter":
			got["filteredMetrics"]++
		}
	}
	emf := string(must(os.ReadFile(filepath.Join(root, "internal", "observe", "emf.go"))))
	for _, names := range regexp.MustCompile(`(?s)(?:count|series)Names = .*?{(.*?)}`).FindAllStringSubmatch(emf, -1) {
		got["functionMetrics"] += strings.Count(names[1], `"`) / 2
	}
	source := string(must(os.ReadFile(filepath.Join(root, "bench", "scale", "limits.go"))))
	for name, n := range got {
		if !regexp.MustCompile(`\b` + name + ` += ` + strconv.Itoa(n) + `\b`).MatchString(source) {
			t.Errorf("bench/scale does not have %s = %d", name, n)
		}
	}
}

func TestTheQueriesOfTheTemplateAreThoseOfTheRunbook(t *testing.T) {
	t.Parallel()
	page := runbook()
	// The query language, and what every line has, or Lambda's own lines have.
	known := strings.Fields("fields filter stats sort limit by as and or in asc desc count count_distinct avg max coalesce ispresent " +
		"message level type record")
	for _, name := range []string{"internal/observe/log.go", "internal/app/app.go", "internal/handler/followup.go"} {
		for _, found := range regexp.MustCompile(`slog\.\w+\("(\w+)"`).FindAllStringSubmatch(string(must(os.ReadFile(filepath.Join(root, name)))), -1) {
			known = append(known, found[1])
		}
	}
	queries := 0
	for id, r := range readTemplate(t, "template.yaml").Deployed.Resources {
		if r.Type != "AWS::Logs::QueryDefinition" {
			continue
		}
		queries++
		query := r.Properties["QueryString"].(string)
		if !strings.Contains(page, "\n```\n"+query+"\n```\n") {
			t.Errorf("docs/runbook.md does not have %s:\n%s", id, query)
		}
		title := strings.TrimPrefix(r.Properties["Name"].(map[string]any)["Fn::Sub"].(string), "${AWS::StackName}/")
		if !strings.Contains(strings.ToLower(page), "\n### "+strings.ToLower(title)+"\n") {
			t.Errorf("docs/runbook.md has no section %q", title)
		}
		if text(r.Properties["LogGroupNames"]) != `[{"Ref":"RefreshLogGroup"}]` {
			t.Errorf("%s reads %s", id, text(r.Properties["LogGroupNames"]))
		}
		names := slices.Clone(known)
		for _, alias := range regexp.MustCompile(` as (\w+)`).FindAllStringSubmatch(query, -1) {
			names = append(names, alias[1])
		}
		values := regexp.MustCompile(`"[^"]*"|bin\([^)]*\)|[@.]\w+|\b\d+`)
		for _, name := range regexp.MustCompile(`\w+`).FindAllString(values.ReplaceAllString(query, ""), -1) {
			if !slices.Contains(names, name) {
				t.Errorf("%s reads %s, which the function does not log", id, name)
			}
		}
	}
	if queries < 10 {
		t.Errorf("there are only %d queries", queries)
	}
}

func TestTheRunbooksLinksWithinThePageHaveATarget(t *testing.T) {
	t.Parallel()
	page := runbook()
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchors[strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9_ -]`).ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if !anchors[link[1]] {
			t.Errorf("docs/runbook.md links to #%s, which is no heading", link[1])
		}
	}
}
